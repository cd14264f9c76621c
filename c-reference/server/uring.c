/*
 * io_uring without a library: the two queues that a program shares with the kernel.
 *
 * What is asked is written into one queue, as many requests as one likes, and handed over with one call. What
 * has come of each is found in the other queue, without any call. A request and its completion have the same
 * number, here made of the operation and the descriptor.
 *
 * A third queue holds buffers. Whoever waits to receive has no buffer of its own: the kernel takes one from
 * this queue when something has come, and says in the completion which. So there need not be one for each
 * connection. Once its bytes are sent on, the buffer is offered again.
 *
 * Everybody who shares memory has to take care who writes when. Here IORING_SETUP_DEFER_TASKRUN does: the
 * kernel looks at the queues and changes them only while this process calls io_uring_enter().
 */
#define _GNU_SOURCE
#include "uring.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../common/explain.h"

/* How many requests are handed over at once, at most, and how many completions find room; powers of two. */
#define SQ_ENTRIES 256
#define CQ_ENTRIES 4096
/* How long it takes until requests are handed over again that the kernel did not take, in nanoseconds. */
#define ENTER_BACKOFF_NS 1000000

/* mmap(): memory that is written and read, that of a descriptor or new. */
static char *map_ring(const char *program, size_t length, int flags, int descriptor, off_t offset)
{
    char *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, descriptor, offset);

    if (memory == MAP_FAILED)
        fail(program, "mmap", errno);

    return memory;
}

/* getrlimit(): says which limit there is for the memory of all queues of a user, which may be too low. */
static void explain_limit(const char *program)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
        return;

    if (limit.rlim_cur != RLIM_INFINITY)
        fprintf(stderr, "%s: RLIMIT_MEMLOCK (ulimit -l), for all queues of this user, is %lu KiB\n", program,
                (unsigned long)(limit.rlim_cur / 1024));
}

/* io_uring_setup(): asks the kernel for the queues. It does what is asked only while io_uring_enter() is called. */
static void setup_rings(struct uring *uring, struct io_uring_params *parameters)
{
    int error;

    memset(parameters, 0, sizeof(*parameters));
    parameters->flags =
        IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    parameters->cq_entries = CQ_ENTRIES;

    /* Nothing but the call itself says what type a number has here, and syscall() takes longs. */
    if ((uring->descriptor = syscall(SYS_io_uring_setup, (long)SQ_ENTRIES, parameters)) >= 0)
        return;

    error = errno;

    if (error == ENOSYS || error == EINVAL || error == EPERM)
        fprintf(stderr, "%s: Linux 6.1 or later is needed, and must allow io_uring (sysctl kernel.io_uring_disabled)\n",
                uring->program);

    if (error == ENOMEM)
        explain_limit(uring->program);

    fail(uring->program, "io_uring_setup", error);
}

/* mmap(): finds the queues in the memory that the kernel shares. */
static void map_rings(struct uring *uring, const struct io_uring_params *parameters)
{
    size_t requests_length = parameters->sq_off.array + SQ_ENTRIES * sizeof(uint32_t);
    size_t completions_length = parameters->cq_off.cqes + CQ_ENTRIES * sizeof(struct io_uring_cqe);
    size_t length = requests_length > completions_length ? requests_length : completions_length;
    char *queues = map_ring(uring->program, length, MAP_SHARED, uring->descriptor, IORING_OFF_SQ_RING);
    uint32_t *order = (uint32_t *)(queues + parameters->sq_off.array);

    length = SQ_ENTRIES * sizeof(struct io_uring_sqe);
    uring->sqes =
        (struct io_uring_sqe *)map_ring(uring->program, length, MAP_SHARED, uring->descriptor, IORING_OFF_SQES);
    uring->sq_head = (uint32_t *)(queues + parameters->sq_off.head);
    uring->sq_tail = (uint32_t *)(queues + parameters->sq_off.tail);
    uring->cqes = (struct io_uring_cqe *)(queues + parameters->cq_off.cqes);
    uring->cq_head = (uint32_t *)(queues + parameters->cq_off.head);
    uring->cq_tail = (uint32_t *)(queues + parameters->cq_off.tail);

    /* Requests could be handed over in another order than they were written. These never are. */
    for (uint32_t i = 0; i < SQ_ENTRIES; i++)
        order[i] = i;
}

/* mmap() and io_uring_register(): makes the buffers. Memory that nothing is received into is not used up. */
static void register_buffers(struct uring *uring)
{
    struct io_uring_buf_reg queue;
    int error;

    uring->buf_ring = (struct io_uring_buf_ring *)map_ring(uring->program, BUFFER_COUNT * sizeof(struct io_uring_buf),
                                                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uring->buffers = map_ring(uring->program, BUFFER_COUNT * BUFFER_SIZE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    memset(&queue, 0, sizeof(queue));
    queue.ring_addr = (uintptr_t)uring->buf_ring;
    queue.ring_entries = BUFFER_COUNT;

    if (syscall(SYS_io_uring_register, (long)uring->descriptor, (long)IORING_REGISTER_PBUF_RING, &queue, 1L) < 0) {
        error = errno;

        if (error == ENOMEM)
            explain_limit(uring->program);

        fail(uring->program, "io_uring_register", error);
    }

    for (uint16_t buffer = 0; buffer < BUFFER_COUNT; buffer++)
        provide_buffer(uring, buffer);
}

/* Makes queues and buffers, or ends the program with 1. Only the process that calls it may use them. */
struct uring new_uring(const char *program)
{
    struct uring uring = {.program = program};
    struct io_uring_params parameters;

    setup_rings(&uring, &parameters);
    map_rings(&uring, &parameters);
    register_buffers(&uring);
    return uring;
}

/*
 * io_uring_enter(): hands over what is asked, and sleeps until so many completions are there. What is not taken, for
 * want of memory or room, is handed over the next time.
 */
int submit_and_wait(struct uring *uring, uint32_t awaited)
{
    uint32_t flags = awaited > 0 ? IORING_ENTER_GETEVENTS : 0;
    uint32_t count = *uring->sq_tail - *uring->sq_head;

    return syscall(SYS_io_uring_enter, (long)uring->descriptor, (long)count, (long)awaited, (long)flags, NULL, 0L);
}

/* Takes the next completion, if there is one. */
bool next_cqe(struct uring *uring, struct io_uring_cqe *cqe)
{
    uint32_t cq_head = *uring->cq_head;
    struct io_uring_cqe *place = uring->cqes + (cq_head & (CQ_ENTRIES - 1));

    if (cq_head == *uring->cq_tail)
        return false;

    *cqe = *place;
    *uring->cq_head = cq_head + 1;
    return true;
}

/* Writes a request's operation, descriptor and number. The caller fills in the rest. */
static struct io_uring_sqe *prep(struct uring *uring, uint8_t operation, int descriptor)
{
    const struct timespec rest = {0, ENTER_BACKOFF_NS};
    struct io_uring_sqe *sqe;
    uint32_t place;

    /* If the kernel takes none, the next submit() for completions says why. */
    while (*uring->sq_tail - *uring->sq_head == SQ_ENTRIES)
        if (submit_and_wait(uring, 0) < 0)
            nanosleep(&rest, NULL);

    place = *uring->sq_tail;
    sqe = uring->sqes + (place & (SQ_ENTRIES - 1));
    *uring->sq_tail = place + 1;
    memset(sqe, 0, sizeof(*sqe));
    sqe->opcode = operation;
    sqe->fd = descriptor;
    sqe->user_data = (uint64_t)operation << 32 | descriptor;
    return sqe;
}

/* Asks for every connection: one completion for each, until one has failed. */
void prep_accept_multishot(struct uring *uring, int listener)
{
    struct io_uring_sqe *sqe = prep(uring, IORING_OP_ACCEPT, listener);

    sqe->ioprio = IORING_ACCEPT_MULTISHOT;
    sqe->accept_flags = SOCK_CLOEXEC;
}

/* Asks to be told, once, when something can be read. */
void prep_poll_add(struct uring *uring, int descriptor)
{
    prep(uring, IORING_OP_POLL_ADD, descriptor)->poll32_events = POLLIN;
}

/*
 * Asks for all that comes: one completion for each piece, until the stream ends or no buffer is left. Or, `once`, for
 * the next piece.
 */
void prep_recv_multishot(struct uring *uring, int sock, bool once)
{
    struct io_uring_sqe *sqe = prep(uring, IORING_OP_RECV, sock);

    sqe->flags = IOSQE_BUFFER_SELECT;
    sqe->ioprio = once ? 0 : IORING_RECV_MULTISHOT;
}

/* Asks to send. The bytes stay where they are until the completion is there. */
void prep_send(struct uring *uring, int sock, const char *bytes, size_t length, int flags)
{
    struct io_uring_sqe *sqe = prep(uring, IORING_OP_SEND, sock);

    sqe->addr = (uintptr_t)bytes;
    sqe->len = length;
    sqe->msg_flags = MSG_NOSIGNAL | flags;
}

/* Takes back what was asked of a socket. It has a completion nevertheless. */
void prep_cancel(struct uring *uring, uint8_t operation, int sock)
{
    prep(uring, IORING_OP_ASYNC_CANCEL, -1)->addr = (uint64_t)operation << 32 | sock;
}

/* Where a buffer is. */
char *buffer_address(const struct uring *uring, uint16_t buffer)
{
    return uring->buffers + buffer * BUFFER_SIZE;
}

/* Lets the kernel receive into a buffer. */
void provide_buffer(struct uring *uring, uint16_t buffer)
{
    uint16_t place = uring->buf_ring->tail;
    struct io_uring_buf *entry = uring->buf_ring->bufs + (place & (BUFFER_COUNT - 1));

    entry->addr = (uintptr_t)buffer_address(uring, buffer);
    entry->len = BUFFER_SIZE;
    entry->bid = buffer;
    uring->buf_ring->tail = place + 1;
    uring->free_buffers++;
}
