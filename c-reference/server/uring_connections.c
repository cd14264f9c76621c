/*
 * The requests of the io_uring server for each connection, and what it does when one completes.
 *
 * A request to receive is submitted once, and completes for each piece that arrives. A piece is in a buffer of the
 * kernel's choice, and is sent back from there, as far as it fits into the send buffer at once. The pieces of a
 * connection are sent one after another, so their order is kept.
 *
 * If the send buffer is full, because the client does not read, the buffers must not wait with it: other clients need
 * them. What they hold is then copied to memory of this connection, the request to receive is cancelled, and only then
 * the rest is sent, which may take its time. After that, the connection receives again. So a slow client slows only
 * itself, and costs at most as much memory as all buffers hold.
 *
 * If no buffer is free, receiving ends for the connections that need one. They wait in a list until there are some
 * again, and then each of them gets one, so that none is left out.
 *
 * A socket is closed only when none of its requests is in progress: until then the kernel keeps the connection open.
 */
#include "uring_connections.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/explain.h"

/* The end of a list of buffers. */
#define NO_BUFFER 255

/* The state of a server that has no connection yet. */
struct streams new_streams(struct server server)
{
    struct uring uring = new_uring(server.program);

    return (struct streams){.server = server, .uring = uring, .first_waiting = -1};
}

/* Removes the first piece of a connection, and provides its buffer again. */
static void release_first(struct streams *streams, int sock)
{
    struct stream *stream = &streams->table[sock];
    uint8_t buffer = stream->first;

    stream->first = streams->pieces[buffer].next;
    provide_buffer(&streams->uring, buffer);
}

/* Makes close() reset a connection, because `call` failed. It is closed when no request is in progress. */
static void fail_stream(struct streams *streams, int sock, const char *call, int error)
{
    struct stream *stream = &streams->table[sock];

    if (stream->failed)
        return;

    stream->failed = true;
    reset_on_close(streams->server.program, sock, call, error);
}

/* shutdown(): sends the client an end of file if its echo is complete. Otherwise there is more to receive first. */
static void drain_stream(struct streams *streams, int sock)
{
    struct connection *connection = &streams->server.connections[sock];
    int complete = is_fully_received(sock, connection->received);

    if (complete < 0) {
        fail_stream(streams, sock, "getsockopt", errno);
        return;
    }

    if (!complete)
        return;

    connection->shut = true;

    if (shutdown(sock, SHUT_WR) < 0)
        fail_stream(streams, sock, "shutdown", errno);
}

/* Submits the next request of a connection, unless one is in progress that must complete first. */
static void advance(struct streams *streams, int sock)
{
    struct stream *stream = &streams->table[sock];
    struct connection *connection = &streams->server.connections[sock];
    struct pending *pending = connection->pending;
    const char *bytes;
    uint8_t buffer;
    size_t length;

    if (stream->sending)
        return;

    while (stream->failed && stream->first != NO_BUFFER)
        release_first(streams, sock);

    if ((buffer = stream->first) != NO_BUFFER) {
        bytes = buffer_address(&streams->uring, buffer);
        length = streams->pieces[buffer].length;
        stream->sending = true;
        prep_send(&streams->uring, sock, bytes, length, MSG_DONTWAIT);
        return;
    }

    if (stream->waiting)
        return;

    if (streams->server.draining && pending == NULL && !connection->shut && !stream->ended && !stream->failed)
        drain_stream(streams, sock);

    if (stream->receiving) {
        if (!stream->cancelled && (stream->failed || stream->ended || pending != NULL)) {
            stream->cancelled = true;
            prep_cancel(&streams->uring, IORING_OP_RECV, sock);
        }
    } else if (stream->failed || (stream->ended && pending == NULL)) {
        close_connection(&streams->server, sock);
    } else if (pending != NULL) {
        bytes = pending->bytes + pending->sent;
        length = pending->length - pending->sent;
        stream->sending = true;
        prep_send(&streams->uring, sock, bytes, length, MSG_WAITALL);
    } else {
        stream->receiving = true;
        prep_recv_multishot(&streams->uring, sock, stream->once);
        stream->once = false;
    }
}

/* Starts to receive from a new connection. */
static void start_stream(struct streams *streams, int sock)
{
    struct stream *table, *stream;
    int capacity;

    if (!add_connection(&streams->server, sock))
        return;

    if (streams->capacity < (capacity = streams->server.capacity)) {
        if ((table = grow_array(streams->table, sizeof(*table), streams->capacity, capacity)) == NULL) {
            explain_errno(streams->server.program, "realloc", errno);
            close_connection(&streams->server, sock);
            return;
        }

        streams->table = table;
        streams->capacity = capacity;
    }

    stream = &streams->table[sock];
    memset(stream, 0, sizeof(*stream));
    stream->first = NO_BUFFER;
    advance(streams, sock);
}

/* A client has connected, or the request to accept has ended. */
void on_accept(struct streams *streams, int result)
{
    if (result >= 0 && !streams->server.draining)
        start_stream(streams, result);
    else if (result >= 0)
        close(result);
    else if (!streams->server.draining)
        accept_failed(&streams->server, -result);
}

/* realloc(): copies bytes that could not be sent behind those that are pending already. */
static bool keep_unsent(struct streams *streams, int sock, const char *bytes, size_t length)
{
    struct connection *connection = &streams->server.connections[sock];
    size_t kept = connection->pending == NULL ? 0 : connection->pending->length;
    struct pending *pending;

    if ((pending = realloc(connection->pending, sizeof(*pending) + kept + length)) == NULL) {
        fail_stream(streams, sock, "realloc", errno);
        return false;
    }

    memcpy(pending->bytes + kept, bytes, length);
    pending->length = kept + length;
    pending->sent = 0;
    connection->pending = pending;
    return true;
}

/* Handles a piece that was received: usually it is to be sent next. */
static void add_piece(struct streams *streams, int sock, uint8_t buffer, uint32_t length)
{
    struct stream *stream = &streams->table[sock];
    struct pending *pending = streams->server.connections[sock].pending;
    const char *bytes;

    streams->uring.free_buffers--;

    if (!count_received(&streams->server, sock, length) || stream->failed) {
        provide_buffer(&streams->uring, buffer);
    } else if (pending != NULL) {
        bytes = buffer_address(&streams->uring, buffer);
        keep_unsent(streams, sock, bytes, length);
        provide_buffer(&streams->uring, buffer);
    } else {
        streams->pieces[buffer] = (struct piece){.length = length, .next = NO_BUFFER};

        if (stream->first == NO_BUFFER)
            stream->first = buffer;
        else
            streams->pieces[stream->last].next = buffer;

        stream->last = buffer;
    }
}

/* Puts a connection at the end of the list of those that wait for buffers. */
static void wait_for_buffers(struct streams *streams, int sock)
{
    struct stream *stream = &streams->table[sock];

    stream->waiting = true;
    stream->once = true;
    stream->next = -1;

    if (streams->first_waiting < 0)
        streams->first_waiting = sock;
    else
        streams->table[streams->last_waiting].next = sock;

    streams->last_waiting = sock;
}

/* A piece was received, or the request to receive has ended. */
void on_recv(struct streams *streams, int sock, int result, uint32_t flags)
{
    struct stream *stream = &streams->table[sock];

    if (!(flags & IORING_CQE_F_MORE))
        stream->receiving = stream->cancelled = false;

    if (result > 0)
        add_piece(streams, sock, flags >> IORING_CQE_BUFFER_SHIFT, result);
    else if (result == 0)
        stream->ended = true;
    else if (result == -ENOBUFS)
        wait_for_buffers(streams, sock);
    else if (result != -ECANCELED && result != -EINTR && result != -EAGAIN)
        fail_stream(streams, sock, "recv", -result);

    advance(streams, sock);
}

/* Pending bytes were sent, usually all of them. */
static void on_pending_sent(struct connection *connection, uint32_t length)
{
    struct pending *pending = connection->pending;

    pending->sent += length;

    if (pending->sent < pending->length)
        return;

    free(connection->pending);
    connection->pending = NULL;
}

/* The send buffer had no room for all of the first piece: keeps the rest of it, and the other pieces. */
static void keep_pieces(struct streams *streams, int sock, uint32_t done)
{
    const char *bytes;
    uint8_t buffer;
    size_t length;

    while ((buffer = streams->table[sock].first) != NO_BUFFER) {
        bytes = buffer_address(&streams->uring, buffer) + done;
        length = streams->pieces[buffer].length - done;

        if (!keep_unsent(streams, sock, bytes, length))
            return;

        release_first(streams, sock);
        done = 0;
    }
}

/* Bytes were sent, or send() failed. */
void on_send(struct streams *streams, int sock, int result)
{
    struct stream *stream = &streams->table[sock];
    struct connection *connection = &streams->server.connections[sock];
    uint32_t done = result > 0 ? result : 0;

    stream->sending = false;

    if (result < 0 && result != -EAGAIN && result != -EINTR)
        fail_stream(streams, sock, "send", -result);
    else if (connection->pending != NULL)
        on_pending_sent(connection, done);
    else if (done == streams->pieces[stream->first].length)
        release_first(streams, sock);
    else
        keep_pieces(streams, sock, done);

    advance(streams, sock);
}

/* Receives again from connections that have waited for buffers, from as many as there are free buffers. */
void resume_waiting(struct streams *streams)
{
    struct stream *stream;
    int sock;

    for (uint32_t left = streams->uring.free_buffers; left > 0 && streams->first_waiting >= 0; left--) {
        sock = streams->first_waiting;
        stream = &streams->table[sock];
        streams->first_waiting = stream->next;
        stream->waiting = false;
        advance(streams, sock);
    }
}

/* Ends a connection at once, and resets it if its echo is not complete. */
static void abort_stream(struct streams *streams, int sock)
{
    struct stream *stream = &streams->table[sock];
    struct connection *connection = &streams->server.connections[sock];
    bool sending = stream->sending || connection->pending != NULL;

    if (stream->sending)
        prep_cancel(&streams->uring, IORING_OP_SEND, sock);

    if (connection->shut)
        stream->ended = true;
    else
        fail_stream(streams, sock, sending ? "send" : "recv", ETIMEDOUT);
}

/* Starts the shutdown: each connection is closed once its echo is complete. */
static void start_draining(struct streams *streams)
{
    prep_cancel(&streams->uring, IORING_OP_ACCEPT, streams->server.listener);
    stop_accepting(&streams->server);

    for (int sock = 0; sock < streams->capacity; sock++)
        if (is_open(&streams->server, sock))
            advance(streams, sock);
}

/* Ends all connections at once. */
static void abort_all(struct streams *streams)
{
    for (int sock = 0; sock < streams->capacity; sock++) {
        if (is_open(&streams->server, sock)) {
            abort_stream(streams, sock);
            advance(streams, sock);
        }
    }
}

/* Does what a signal requests. */
void uring_on_signal(struct streams *streams, int number)
{
    int wanted = shutdown_request(&streams->server, number);

    if (wanted != CONTINUE && !streams->server.draining)
        start_draining(streams);

    if (wanted == ABORT)
        abort_all(streams);
}
