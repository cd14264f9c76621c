import socket, sys
ip, port = sys.argv[1:]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.bind((ip, int(port)))
    while True:
        data, peer = sock.recvfrom(65536)
        sock.sendto(data, peer)
