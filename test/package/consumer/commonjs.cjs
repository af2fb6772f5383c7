const { listLinks } = require('netloom');

listLinks().then((links) => console.log(JSON.stringify(links.map((link) => link.name))));
