import socket, sys
ip, port, way = sys.argv[1:]
word = sys.stdin.buffer.read()
with socket.create_connection((ip, int(port))) as sock:
    sock.sendall(word)
    if way == "half_close":
        sock.shutdown(socket.SHUT_WR)
    with sock.makefile("rb") as answer:
        sys.stdout.buffer.write(answer.read(len(word) if way == "count" else -1))
