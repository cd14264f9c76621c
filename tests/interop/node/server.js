const [ip, port] = process.argv.slice(2);
const server = require("net").createServer({ allowHalfOpen: true }, client => client.pipe(client));
server.listen(port, ip);
