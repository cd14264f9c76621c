// The echo client and server in Go: echo client|server|udp_client|udp_server IP PORT [WAY]
package main

import (
	"fmt"
	"io"
	"net"
	"os"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	address := net.JoinHostPort(os.Args[2], os.Args[3])
	switch os.Args[1] {
	case "client":
		client(address, os.Args[4])
	case "server":
		server(address)
	case "udp_client":
		udpClient(address)
	case "udp_server":
		udpServer(address)
	}
}

func client(address, way string) {
	word, err := io.ReadAll(os.Stdin)
	check(err)
	conn, err := net.Dial("tcp", address)
	check(err)
	_, err = conn.Write(word)
	check(err)
	if way == "half_close" {
		check(conn.(*net.TCPConn).CloseWrite())
		_, err = io.Copy(os.Stdout, conn)
	} else {
		_, err = io.CopyN(os.Stdout, conn, int64(len(word)))
	}
	check(err)
}

func server(address string) {
	listener, err := net.Listen("tcp", address)
	check(err)
	for {
		conn, err := listener.Accept()
		check(err)
		go func() {
			defer conn.Close()
			io.Copy(conn, conn)
		}()
	}
}

func udpClient(address string) {
	word, err := io.ReadAll(os.Stdin)
	check(err)
	conn, err := net.Dial("udp", address)
	check(err)
	_, err = conn.Write(word)
	check(err)
	answer := make([]byte, 65536)
	length, err := conn.Read(answer)
	check(err)
	os.Stdout.Write(answer[:length])
}

func udpServer(address string) {
	conn, err := net.ListenPacket("udp", address)
	check(err)
	buffer := make([]byte, 65536)
	for {
		length, peer, err := conn.ReadFrom(buffer)
		check(err)
		conn.WriteTo(buffer[:length], peer)
	}
}
