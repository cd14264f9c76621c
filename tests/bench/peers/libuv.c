/*
 * The echo server on libuv 1.x (Debian's libuv1-dev), compiled twice. With TRY_WRITE=1, what was
 * read is offered to the socket at once (uv_try_write), and only what is left becomes a request.
 * With TRY_WRITE=0, all of it does (uv_write), as in libuv's own echo server.
 *
 * The bytes are read into the request that may have to send them, so nothing is copied; one
 * request is kept for the next read. A client that does not read is not read, either.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "command_line.h"

#define PROGRAM "libuv"
#define USAGE "libuv PORT"
#define BACKLOG 4096
#define BUFFER_SIZE (16 * 1024)

struct request {
    uv_write_t write;
    char bytes[BUFFER_SIZE];
};

static struct request *spare;

static void must(int status, const char *what)
{
    if (status < 0) {
        fprintf(stderr, "%s: %s: %s\n", PROGRAM, what, uv_strerror(status));
        exit(1);
    }
}

static void end(uv_stream_t *client)
{
    if (!uv_is_closing((uv_handle_t *)client))
        uv_close((uv_handle_t *)client, (uv_close_cb)free);
}

static void lend(uv_handle_t *client, size_t suggested, uv_buf_t *buffer)
{
    (void)client, (void)suggested;

    if (spare == NULL && (spare = malloc(sizeof(*spare))) == NULL)
        must(UV_ENOMEM, "malloc");
    *buffer = uv_buf_init(spare->bytes, BUFFER_SIZE);
}

static void received(uv_stream_t *client, ssize_t size, const uv_buf_t *buffer);

static void sent(uv_write_t *write, int status)
{
    uv_stream_t *client = write->handle;

    free(spare);
    spare = (struct request *)write;

    if (status < 0)
        end(client);
    else if (!uv_is_closing((uv_handle_t *)client) && uv_stream_get_write_queue_size(client) == 0)
        uv_read_start(client, lend, received); /* without effect if it was not stopped */
}

static void received(uv_stream_t *client, ssize_t size, const uv_buf_t *buffer)
{
    uv_buf_t rest = uv_buf_init(buffer->base, size > 0 ? size : 0);
    int tried;

    /* At the end, or after a reset: nothing waits to be sent, or there would be no reading. */
    if (size < 0)
        end(client);

    if (TRY_WRITE && size > 0 && (tried = uv_try_write(client, &rest, 1)) > 0)
        rest = uv_buf_init(rest.base + tried, rest.len - tried);

    if (rest.len == 0)
        return;

    if (uv_write(&spare->write, client, &rest, 1, sent) < 0) {
        end(client);
        return;
    }
    spare = NULL;

    if (uv_stream_get_write_queue_size(client) > 0)
        uv_read_stop(client);
}

static void arrived(uv_stream_t *listener, int status)
{
    uv_tcp_t *client = malloc(sizeof(*client));

    must(client != NULL ? status : UV_ENOMEM, "a new connection");
    must(uv_tcp_init(listener->loop, client), "uv_tcp_init");
    must(uv_accept(listener, (uv_stream_t *)client), "uv_accept");
    uv_tcp_nodelay(client, 1);
    must(uv_read_start((uv_stream_t *)client, lend, received), "uv_read_start");
}

int main(int argc, char *argv[])
{
    struct sockaddr_in address;
    uv_tcp_t listener;

    check_arguments(PROGRAM, USAGE, argc, argv, 1);
    uv_ip4_addr("127.0.0.1", number_argument(PROGRAM, USAGE, "PORT", argv[1], 10, 0, 65535), &address);

    /* uv_write does not keep it away. */
    signal(SIGPIPE, SIG_IGN);

    must(uv_tcp_init(uv_default_loop(), &listener), "uv_tcp_init");
    must(uv_tcp_bind(&listener, (struct sockaddr *)&address, 0), "uv_tcp_bind");
    must(uv_listen((uv_stream_t *)&listener, BACKLOG, arrived), "uv_listen");
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
