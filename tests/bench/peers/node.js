// The echo server on Node's net module (20 or later): a socket piped into itself, which reads no
// more while the client does not read, and ends the answer once all of it is sent.
"use strict";

const net = require("node:net");

const port = Number(process.argv[2]);
// A bad port and one that is taken are errors that end the program with a message.
net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  // A reset ends this connection only.
  socket.on("error", () => socket.destroy());
  socket.pipe(socket);
}).listen({ host: "127.0.0.1", port, backlog: 4096 });
