const [ip, port, way] = process.argv.slice(2);
const word = require("fs").readFileSync(0);
const sock = require("net").connect({ host: ip, port, allowHalfOpen: true });
if (way === "half_close") sock.end(word); else sock.write(word);
let received = 0;
sock.on("data", data => {
  process.stdout.write(data);
  received += data.length;
  if (way === "count" && received >= word.length) sock.destroy();
});
