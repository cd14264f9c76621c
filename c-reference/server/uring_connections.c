/*
 * What the io_uring server asks the kernel to do for a connection, and what it does when that is done.
 *
 * Receiving is asked for once and goes on. Each piece comes in a buffer of the kernel's choice, and is sent
 * back from there: as much as there is room for, at once. One piece of a connection is sent after another, so
 * that their order is kept.
 *
 * If there is no room, because the client does not read, the buffers must not wait with it: other clients
 * need them. Then what they hold is kept for this connection alone, receiving is taken back, and only then
 * the rest is sent, which now may take its time. After that all is as before. So a slow client slows only
 * itself, and costs at most as much as all buffers hold.
 *
 * If more comes at once than there are buffers, receiving ends for those that got none. They wait in a line
 * until there are some again, and then each gets one of them, so that none is left out.
 *
 * A socket is closed only when nothing is asked for it any more: as long as something is, the kernel keeps
 * the connection.
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

/* The number of no buffer. */
#define NO_BUFFER 255

/* new_uring(): the state of a server that has nothing to do yet. */
struct streams new_streams(struct server server)
{
    struct uring uring = new_uring(server.program);

    return (struct streams){.server = server, .uring = uring, .first_waiting = -1};
}

/* Takes the first piece from a connection, and offers its buffer. */
static void release_first(struct streams *streams, struct stream *stream)
{
    uint8_t buffer = stream->first;

    stream->first = streams->pieces[buffer].next;
    provide_buffer(&streams->uring, buffer);
}

/* Notes that a connection cannot go on, and why. It is reset once nothing is asked for it any more. */
static void fail_stream(struct streams *streams, int sock, const char *call, int error)
{
    struct stream *stream = &streams->table[sock];

    if (stream->failed)
        return;

    stream->failed = true;
    reset_on_close(streams->server.program, sock, call, error);
}

/* shutdown(): if the echo is complete, the client learns it. Otherwise there is more to receive first. */
static void drain_stream(struct streams *streams, int sock)
{
    struct connection *connection = &streams->server.connections[sock];
    int all = is_fully_received(sock, connection->received);

    if (all < 0) {
        fail_stream(streams, sock, "getsockopt", errno);
        return;
    }

    if (!all)
        return;

    connection->shut = true;

    if (shutdown(sock, SHUT_WR) < 0)
        fail_stream(streams, sock, "shutdown", errno);
}

/* Asks for what comes next for a connection: nothing, as long as something is asked that must be done first. */
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
        release_first(streams, stream);

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

/* Begins with a new connection: the first thing is to receive from it. */
static void start_stream(struct streams *streams, int sock)
{
    struct stream *table, *stream;
    int capacity;

    if (!add_connection(&streams->server, sock))
        return;

    if (streams->capacity < (capacity = streams->server.capacity)) {
        if ((table = realloc(streams->table, capacity * sizeof(*table))) == NULL) {
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

/* A client is there, or accepting has ended. */
void on_accept(struct streams *streams, int result)
{
    if (result >= 0 && !streams->server.draining)
        start_stream(streams, result);
    else if (result >= 0)
        close(result);
    else if (!streams->server.draining)
        accept_failed(&streams->server, -result);
}

/* realloc(): keeps bytes that could not be sent, after those that are kept already. */
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

/* Decides what becomes of a piece: mostly it is the next to be sent. */
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

/* Puts a connection into the line of those that wait for buffers. */
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

/* A piece has been received, or receiving has ended. */
void received(struct streams *streams, int sock, int result, uint32_t flags)
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

/* A part of what was kept has been sent, mostly all of it. */
static void on_pending_sent(struct connection *connection, uint32_t length)
{
    struct pending *pending = connection->pending;

    pending->sent += length;

    if (pending->sent < pending->length)
        return;

    free(connection->pending);
    connection->pending = NULL;
}

/* There was no room for all of the first piece: keeps the rest of it, and what comes after it. */
static void keep_pieces(struct streams *streams, int sock, uint32_t done)
{
    struct stream *stream = &streams->table[sock];
    const char *bytes;
    uint8_t buffer;
    size_t length;

    while (stream->first != NO_BUFFER) {
        buffer = stream->first;
        bytes = buffer_address(&streams->uring, buffer) + done;
        length = streams->pieces[buffer].length - done;

        if (!keep_unsent(streams, sock, bytes, length))
            return;

        release_first(streams, stream);
        done = 0;
    }
}

/* Something has been sent, or could not be. */
void sent(struct streams *streams, int sock, int result)
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
        release_first(streams, stream);
    else
        keep_pieces(streams, sock, done);

    advance(streams, sock);
}

/* Receives again from those that have waited for buffers, as many as there are buffers now. */
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

/* Ends a connection at once. If its echo is not complete, it is reset. */
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

/* Begins the end: each connection ends once all that was taken from it is sent back. */
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

/* Does what a signal asks for. */
void on_signal(struct streams *streams, int number)
{
    int wanted = shutdown_request(&streams->server, number);

    if (wanted != CONTINUE && !streams->server.draining)
        start_draining(streams);

    if (wanted == ABORT)
        abort_all(streams);
}
