import { listLinks } from 'netloom';

console.log(JSON.stringify((await listLinks()).map((link) => link.name)));
