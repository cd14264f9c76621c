/*
 * Echo client: sends a word to an echo server and prints what comes back.
 *
 * The tutorial's second listing (lines 578-669), statement for statement. It shows the calls of a TCP client in their
 * order: socket, connect, send, then recv until as many bytes have come back as were sent.
 *
 * Usage: `echo_client SERVER_IP WORD [PORT]`, with `echo_server PORT` running. Read next: `stream_boundaries`.
 *
 * Where the listing did not compile, or was unsafe to run, it is corrected, and a comment names the erratum; its
 * strings have their double quotes and their `\n` back (erratum 4). Its weaknesses are kept (errata 27 and 28): an
 * invalid address or port goes unnoticed, and of an answer that holds a NUL byte, what follows the NUL is not shown.
 *
 * The includes are sorted, the comments beside them are left out (erratum 48), and the other comments are translated.
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

#define PROGRAM "echo_client"
#define RCVBUFSIZE 128

int main(int argc, char *argv[])
{
    int sock;
    struct sockaddr_in echoServAddr;
    unsigned short echoServPort;
    char *servIP;
    char *echoString;
    char echoBuffer[RCVBUFSIZE];
    /* Erratum 6: the listing has unsigned int and int, but recv and send return an ssize_t. */
    ssize_t echoStringLen;
    ssize_t bytesRcvd, totalBytesRcvd;
    ssize_t sent;

    /* [1] Take the address, the word and the port from the command line */
    if ((argc < 3) || (argc > 4)) {
        printf("Usage: %s <Server IP> <Echo Word> [<Echo Port>]\n", argv[0]);
        exit(1);
    }

    servIP = argv[1];
    echoString = argv[2];

    /* Without a port: 7, the well-known port of the echo service. */
    if (argc == 4) {
        echoServPort = atoi(argv[3]);
        explain_port(PROGRAM, argv[3], echoServPort);
    } else {
        echoServPort = 7;
    }

    /* [2] Create the socket */
    if ((sock = socket(PF_INET, SOCK_STREAM, IPPROTO_TCP)) < 0) {
        explain_errno(PROGRAM, "socket", errno);
        printf("socket() failed");
        exit(1);
    }

    /* [3] Fill in the server's address */
    memset(&echoServAddr, 0, sizeof(echoServAddr));
    echoServAddr.sin_family = AF_INET;
    echoServAddr.sin_addr.s_addr = inet_addr(servIP);
    explain_address(PROGRAM, servIP, echoServAddr.sin_addr.s_addr);
    echoServAddr.sin_port = htons(echoServPort);

    /* [4] Connect to the server */
    if (connect(sock, (struct sockaddr *)&echoServAddr, sizeof(echoServAddr)) < 0) {
        explain_errno(PROGRAM, "connect", errno);
        printf("connect() failed");
        exit(1);
    }

    /* [5] Send the word, without the NUL that ends it */
    echoStringLen = strlen(echoString);

    if ((sent = send(sock, echoString, echoStringLen, 0)) != echoStringLen) {
        explain_send(PROGRAM, sent, echoStringLen);
        printf("send() failed");
        exit(1);
    }

    /* [6] Receive until the whole word is back: one recv may return only part of it */
    totalBytesRcvd = 0;
    printf("Received: ");

    while (totalBytesRcvd < echoStringLen) {
        /* One byte of the buffer is left for the NUL. recv returns 0 if the server has closed the connection. */
        if ((bytesRcvd = recv(sock, echoBuffer, RCVBUFSIZE - 1, 0)) <= 0) {
            explain_recv(PROGRAM, bytesRcvd, totalBytesRcvd, echoStringLen);
            printf("recv() 실패 혹은 서버와 연결이 끊어졌다.");
            exit(1);
        }

        totalBytesRcvd += bytesRcvd;
        /* Erratum 4: the listing has lost the \0 between the quotes. */
        echoBuffer[bytesRcvd] = '\0';
        /* Erratum 5: the listing uses the server's bytes as the format. */
        printf("%s", echoBuffer);
    }
    printf("\n");

    /* [7] Close the socket */
    close(sock);
    exit(0);
}
