const [ip, port] = process.argv.slice(2);
const sock = require("dgram").createSocket("udp4");
sock.on("message", (data, peer) => sock.send(data, peer.port, peer.address));
sock.bind(port, ip);
