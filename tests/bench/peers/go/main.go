// The echo server on Go's net package (Debian's golang-go, standard library only): a goroutine and a
// buffer per connection.
//
// io.Copy would be shorter, but on Linux it splices through a pipe: two more descriptors per
// connection, and no less work for a small message. The net package sets TCP_NODELAY, and uses
// net.core.somaxconn as its backlog.
package main

import (
	"fmt"
	"net"
	"os"
)

const bufferSize = 16 * 1024

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go PORT")
		os.Exit(2)
	}
	if err := serve(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "go:", err)
		os.Exit(1)
	}
}

func serve(port string) error {
	listener, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return err
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go echo(connection)
	}
}

func echo(connection net.Conn) {
	defer connection.Close()
	buffer := make([]byte, bufferSize)
	for {
		received, err := connection.Read(buffer)
		if err != nil {
			return
		}
		// Write returns once everything is sent.
		if _, err := connection.Write(buffer[:received]); err != nil {
			return
		}
	}
}
