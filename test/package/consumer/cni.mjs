import { cni } from 'netloom/cni';
import { listLinks } from 'netloom/sync';

const { supportedVersions } = cni({ command: 'VERSION', config: { cniVersion: '1.0.0' } });
if (!supportedVersions?.includes('1.1.0')) throw new Error(`versions: ${supportedVersions}`);
console.log(JSON.stringify(listLinks().map((link) => link.name)));
