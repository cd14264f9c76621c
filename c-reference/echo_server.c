/*
 * Echo server: sends back every byte that a client sends.
 *
 * The tutorial's first listing (lines 405-576), statement for statement. It shows the calls of a TCP server in their
 * order: socket, bind, listen, accept, then recv and send until the client closes.
 *
 * Usage: `echo_server PORT`. Connect to it with `echo_client 127.0.0.1 WORD PORT`. Read next: `echo_client`.
 *
 * Where the listing did not compile, it is corrected, and a comment names the erratum; its strings have their double
 * quotes and their `\n` back (erratum 4). Its weaknesses are kept (errata 24 to 27 and 29): it serves one client at a
 * time, so a silent one keeps the others waiting; a client that resets the connection, or is gone before its bytes are
 * sent back, ends the server for all; an invalid port goes unnoticed; and for a minute after a connection that the
 * server closed first, a restart fails.
 *
 * The includes are sorted; the comments beside them, which are the only ones in the listing, are left out (erratum 48).
 *
 * Ours are the explain_... calls, which print on stderr why a call failed, and `sent`, a variable that one of them
 * needs.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/explain.h"

#define PROGRAM "echo_server"
#define RCVBUFSIZE 128
#define MAXPENDING 5

int main(int argc, char *argv[])
{
    struct sockaddr_in echoServAddr, echoClntAddr;
    int servSock, clntSock;
    unsigned short echoServPort;
    /* Erratum 6: the listing has an unsigned int, but accept takes a socklen_t. */
    socklen_t clntLen;
    /* Erratum 1: the listing has BUF_LEN, which is not defined. */
    char echoBuffer[RCVBUFSIZE];
    /* Erratum 6: the listing has an int, but recv and send return an ssize_t. */
    ssize_t recvMsgSize;

    /* [1] Take the port from the command line */
    if (argc != 2) {
        printf("Usage : %s port\n", argv[0]);
        exit(1);
    }

    echoServPort = atoi(argv[1]);
    explain_port(PROGRAM, argv[1], echoServPort);

    /* [2] Create the listening socket */
    if ((servSock = socket(PF_INET, SOCK_STREAM, IPPROTO_TCP)) < 0) {
        explain_errno(PROGRAM, "socket", errno);
        printf("socket() failed\n");
        exit(1);
    }

    /* [3] Fill in the server's address: the port, on every interface */
    memset(&echoServAddr, 0, sizeof(echoServAddr));
    echoServAddr.sin_family = AF_INET;
    echoServAddr.sin_addr.s_addr = htonl(INADDR_ANY);
    echoServAddr.sin_port = htons(echoServPort);

    /* [4] Bind the socket to the address */
    if (bind(servSock, (struct sockaddr *)&echoServAddr, sizeof(echoServAddr)) < 0) {
        explain_errno(PROGRAM, "bind", errno);
        printf("bind() failed\n");
        exit(1);
    }

    /* [5] Listen: from here on the kernel accepts connections and queues them */
    if (listen(servSock, MAXPENDING) < 0) {
        explain_errno(PROGRAM, "listen", errno);
        printf("listen() failed\n");
        exit(1);
    }

    for (;;) {
        clntLen = sizeof(echoClntAddr);

        /* [6] Accept the next client, or wait for one: it gets a socket of its own */
        if ((clntSock = accept(servSock, (struct sockaddr *)&echoClntAddr, &clntLen)) < 0) {
            explain_errno(PROGRAM, "accept", errno);
            printf("accept() failed");
            exit(1);
        }

        /* [7] Receive what the client sends, 128 bytes at most */
        /* Erratum 2: from here on the listing has clntSocket, but it declares clntSock. */
        if ((recvMsgSize = recv(clntSock, echoBuffer, RCVBUFSIZE, 0)) < 0) {
            explain_errno(PROGRAM, "recv", errno);
            printf("recv() failed");
            exit(1);
        }

        /* [8] Send it back and receive more, until recv returns 0: the client has closed the connection */
        while (recvMsgSize > 0) {
            ssize_t sent;

            if ((sent = send(clntSock, echoBuffer, recvMsgSize, 0)) != recvMsgSize) {
                explain_send(PROGRAM, sent, recvMsgSize);
                printf("send() failed");
                exit(1);
            }

            /* Erratum 3: the listing has RECVBUFSIZE, but it defines RCVBUFSIZE. */
            if ((recvMsgSize = recv(clntSock, echoBuffer, RCVBUFSIZE, 0)) < 0) {
                explain_errno(PROGRAM, "recv", errno);
                printf("recv() failed");
                exit(1);
            }
        }

        /* [9] Close the client's socket; the listening socket stays open */
        close(clntSock);
    }
}
