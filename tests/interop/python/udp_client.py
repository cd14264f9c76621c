import socket, sys
ip, port = sys.argv[1:]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.connect((ip, int(port)))
    sock.send(sys.stdin.buffer.read())
    sys.stdout.buffer.write(sock.recv(65536))
