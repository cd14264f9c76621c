/*
 * The echo server on libuv 1.x (Debian's libuv1-dev), compiled in two variants. With TRY_WRITE=1 it
 * first tries a direct write (uv_try_write), and queues only the rest as a write request. With
 * TRY_WRITE=0 it queues everything (uv_write), as libuv's own echo server does.
 *
 * Bytes are read into the buffer of the request that may have to send them, so nothing is copied. One
 * spare request is kept for the next read. Reading from a slow client is paused (back-pressure).
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

static void check(int status, const char *what)
{
    if (status < 0) {
        fprintf(stderr, "%s: %s: %s\n", PROGRAM, what, uv_strerror(status));
        exit(1);
    }
}

static void close_client(uv_stream_t *client)
{
    if (!uv_is_closing((uv_handle_t *)client))
        uv_close((uv_handle_t *)client, (uv_close_cb)free);
}

static void allocate(uv_handle_t *client, size_t suggested, uv_buf_t *buffer)
{
    (void)client, (void)suggested;

    if (spare == NULL && (spare = malloc(sizeof(*spare))) == NULL)
        check(UV_ENOMEM, "malloc");
    *buffer = uv_buf_init(spare->bytes, BUFFER_SIZE);
}

static void on_read(uv_stream_t *client, ssize_t size, const uv_buf_t *buffer);

static void on_write(uv_write_t *write, int status)
{
    uv_stream_t *client = write->handle;

    free(spare);
    spare = (struct request *)write;

    if (status < 0)
        close_client(client);
    else if (!uv_is_closing((uv_handle_t *)client) && uv_stream_get_write_queue_size(client) == 0)
        uv_read_start(client, allocate, on_read); /* no effect if not paused */
}

static void on_read(uv_stream_t *client, ssize_t size, const uv_buf_t *buffer)
{
    uv_buf_t rest = uv_buf_init(buffer->base, size > 0 ? size : 0);
    int written;

    /* EOF or an error. Nothing is queued, since reading is paused while something is. */
    if (size < 0)
        close_client(client);

    if (TRY_WRITE && size > 0 && (written = uv_try_write(client, &rest, 1)) > 0)
        rest = uv_buf_init(rest.base + written, rest.len - written);

    if (rest.len == 0)
        return;

    if (uv_write(&spare->write, client, &rest, 1, on_write) < 0) {
        close_client(client);
        return;
    }
    spare = NULL;

    if (uv_stream_get_write_queue_size(client) > 0)
        uv_read_stop(client);
}

static void on_connection(uv_stream_t *listener, int status)
{
    uv_tcp_t *client = malloc(sizeof(*client));

    check(client != NULL ? status : UV_ENOMEM, "connection");
    check(uv_tcp_init(listener->loop, client), "uv_tcp_init");
    check(uv_accept(listener, (uv_stream_t *)client), "uv_accept");
    uv_tcp_nodelay(client, 1);
    check(uv_read_start((uv_stream_t *)client, allocate, on_read), "uv_read_start");
}

int main(int argc, char *argv[])
{
    struct sockaddr_in address;
    uv_tcp_t listener;

    check_arguments(PROGRAM, USAGE, argc, argv, 1);
    uv_ip4_addr("127.0.0.1", number_argument(PROGRAM, USAGE, "PORT", argv[1], 10, 0, 65535), &address);

    /* uv_write does not prevent it. */
    signal(SIGPIPE, SIG_IGN);

    check(uv_tcp_init(uv_default_loop(), &listener), "uv_tcp_init");
    check(uv_tcp_bind(&listener, (struct sockaddr *)&address, 0), "uv_tcp_bind");
    check(uv_listen((uv_stream_t *)&listener, BACKLOG, on_connection), "uv_listen");
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
