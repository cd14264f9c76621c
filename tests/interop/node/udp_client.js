const [ip, port] = process.argv.slice(2);
const sock = require("dgram").createSocket("udp4");
sock.send(require("fs").readFileSync(0), port, ip);
sock.on("message", data => {
  process.stdout.write(data);
  sock.close();
});
