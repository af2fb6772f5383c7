import { listLinks } from 'netloom/sync';

console.log(JSON.stringify(listLinks().map((link) => link.name)));
