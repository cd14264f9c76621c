import socketserver, sys

class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(4096):
            self.request.sendall(data)

ip, port = sys.argv[1:]
socketserver.ThreadingTCPServer((ip, int(port)), Echo).serve_forever()
