/*
 * io_uring without a library: the rings that a program shares with the kernel.
 *
 * Requests are written to the submission queue, any number of them, and submitted with one call; each is an SQE. Their
 * results are read from the completion queue without any call; each is a CQE. A request and its completions have the
 * same user_data, which is made of the operation and the descriptor.
 *
 * A third ring holds provided buffers. A request to receive has no buffer of its own: when data arrives, the kernel
 * takes a buffer from this ring, and the completion says which. So an idle connection needs none. Once its data has
 * been sent, the buffer is provided again.
 *
 * Shared memory needs an agreement on who accesses it when. Here it is IORING_SETUP_DEFER_TASKRUN: the kernel reads
 * and changes the rings only while this process is in io_uring_enter().
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

/* How many entries the submission queue and the completion queue have: powers of two. */
#define SQ_ENTRIES 256
#define CQ_ENTRIES 4096
/* How long to wait before SQEs that the kernel has not taken are submitted again, in nanoseconds. */
#define ENTER_BACKOFF_NS 1000000

/* mmap(): memory to read and write, that of a descriptor or new. */
static char *map_ring(const char *program, size_t length, int flags, int descriptor, off_t offset)
{
    char *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, descriptor, offset);

    if (memory == MAP_FAILED)
        fail(program, "mmap", errno);

    return memory;
}

/* getrlimit(): reports the limit on locked memory, which all rings of a user share. */
static void explain_limit(const char *program)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
        return;

    if (limit.rlim_cur != RLIM_INFINITY)
        fprintf(stderr, "%s: RLIMIT_MEMLOCK (ulimit -l) is %lu KiB, for all rings of this user\n", program,
                (unsigned long)(limit.rlim_cur / 1024));
}

/* io_uring_setup(): creates the rings, and returns their descriptor. */
static int setup_rings(const char *program, struct io_uring_params *parameters)
{
    int descriptor, error;

    parameters->flags =
        IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    parameters->cq_entries = CQ_ENTRIES;

    /* syscall() takes longs, and the compiler converts none of its arguments. */
    if ((descriptor = syscall(SYS_io_uring_setup, (long)SQ_ENTRIES, parameters)) >= 0)
        return descriptor;

    error = errno;

    if (error == ENOSYS || error == EINVAL || error == EPERM)
        fprintf(stderr, "%s: Linux 6.1 or later is needed, with io_uring enabled (sysctl kernel.io_uring_disabled)\n",
                program);

    if (error == ENOMEM)
        explain_limit(program);

    fail(program, "io_uring_setup", error);
}

/* mmap(): maps the rings, and memory for the buffers. Pages that nothing is received into are never allocated. */
static struct uring map_rings(const char *program, int descriptor, const struct io_uring_params *parameters)
{
    size_t sq_length = parameters->sq_off.array + SQ_ENTRIES * sizeof(uint32_t);
    size_t cq_length = parameters->cq_off.cqes + CQ_ENTRIES * sizeof(struct io_uring_cqe);
    size_t length = sq_length > cq_length ? sq_length : cq_length;
    char *rings = map_ring(program, length, MAP_SHARED, descriptor, IORING_OFF_SQ_RING);
    uint32_t *order = (uint32_t *)(rings + parameters->sq_off.array);
    char *sqes, *buf_ring, *buffers;

    length = SQ_ENTRIES * sizeof(struct io_uring_sqe);
    sqes = map_ring(program, length, MAP_SHARED, descriptor, IORING_OFF_SQES);
    length = BUFFER_COUNT * sizeof(struct io_uring_buf);
    buf_ring = map_ring(program, length, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    length = BUFFER_COUNT * BUFFER_SIZE;
    buffers = map_ring(program, length, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    /* SQEs could be submitted in another order than they are written in. Here they never are. */
    for (uint32_t i = 0; i < SQ_ENTRIES; i++)
        order[i] = i;

    return (struct uring){
        .program = program,
        .descriptor = descriptor,
        .sqes = (struct io_uring_sqe *)sqes,
        .sq_tail = (uint32_t *)(rings + parameters->sq_off.tail),
        .sq_head = (uint32_t *)(rings + parameters->sq_off.head),
        .cqes = (struct io_uring_cqe *)(rings + parameters->cq_off.cqes),
        .cq_tail = (uint32_t *)(rings + parameters->cq_off.tail),
        .cq_head = (uint32_t *)(rings + parameters->cq_off.head),
        .buf_ring = (struct io_uring_buf_ring *)buf_ring,
        .buffers = buffers,
    };
}

/* io_uring_register(): registers the ring of buffers, and provides all of them. */
static void register_buffers(struct uring *uring)
{
    struct io_uring_buf_reg ring;
    int error;

    memset(&ring, 0, sizeof(ring));
    ring.ring_addr = (uintptr_t)uring->buf_ring;
    ring.ring_entries = BUFFER_COUNT;

    if (syscall(SYS_io_uring_register, (long)uring->descriptor, (long)IORING_REGISTER_PBUF_RING, &ring, 1L) < 0) {
        error = errno;

        if (error == ENOMEM)
            explain_limit(uring->program);

        fail(uring->program, "io_uring_register", error);
    }

    for (uint16_t buffer = 0; buffer < BUFFER_COUNT; buffer++)
        provide_buffer(uring, buffer);
}

/* Creates the rings and provides the buffers, or exits with 1. Only the process that calls it may use them. */
struct uring new_uring(const char *program)
{
    struct io_uring_params parameters;
    struct uring uring;
    int descriptor;

    memset(&parameters, 0, sizeof(parameters));
    descriptor = setup_rings(program, &parameters);
    uring = map_rings(program, descriptor, &parameters);
    register_buffers(&uring);
    return uring;
}

/*
 * io_uring_enter(): submits the SQEs, and sleeps until there are so many CQEs. What the kernel does not take, for lack
 * of memory or space, is submitted by the next call.
 */
int submit_and_wait(struct uring *uring, uint32_t awaited)
{
    uint32_t flags = awaited > 0 ? IORING_ENTER_GETEVENTS : 0;
    uint32_t count = *uring->sq_tail - *uring->sq_head;

    return syscall(SYS_io_uring_enter, (long)uring->descriptor, (long)count, (long)awaited, (long)flags, NULL, 0L);
}

/* Takes the next CQE from the completion queue, if there is one. */
bool next_cqe(struct uring *uring, struct io_uring_cqe *cqe)
{
    uint32_t head = *uring->cq_head;

    if (head == *uring->cq_tail)
        return false;

    *cqe = uring->cqes[head & (CQ_ENTRIES - 1)];
    *uring->cq_head = head + 1;
    return true;
}

/* Puts an SQE into the submission queue. The caller fills in what only its operation has. */
static struct io_uring_sqe *prep(struct uring *uring, uint8_t operation, int descriptor)
{
    const struct timespec delay = {0, ENTER_BACKOFF_NS};
    struct io_uring_sqe *sqe;
    uint32_t tail;

    /* If the queue is full and the kernel takes nothing, the call that waits for completions reports why. */
    while (*uring->sq_tail - *uring->sq_head == SQ_ENTRIES)
        if (submit_and_wait(uring, 0) < 0)
            nanosleep(&delay, NULL);

    tail = *uring->sq_tail;
    *uring->sq_tail = tail + 1;
    sqe = &uring->sqes[tail & (SQ_ENTRIES - 1)];
    memset(sqe, 0, sizeof(*sqe));
    sqe->opcode = operation;
    sqe->fd = descriptor;
    sqe->user_data = (uint64_t)operation << 32 | descriptor;
    return sqe;
}

/* Accepts connections: one completion for each, until one of them reports an error. */
void prep_accept_multishot(struct uring *uring, int listener)
{
    struct io_uring_sqe *sqe = prep(uring, IORING_OP_ACCEPT, listener);

    sqe->ioprio = IORING_ACCEPT_MULTISHOT;
    sqe->accept_flags = SOCK_CLOEXEC;
}

/* Waits until a descriptor is readable: one completion. */
void prep_poll_add(struct uring *uring, int descriptor)
{
    prep(uring, IORING_OP_POLL_ADD, descriptor)->poll32_events = POLLIN;
}

/* Receives: one completion for each piece, until end of file or until no buffer is free. Or, `once`, the next piece. */
void prep_recv_multishot(struct uring *uring, int sock, bool once)
{
    struct io_uring_sqe *sqe = prep(uring, IORING_OP_RECV, sock);

    sqe->flags = IOSQE_BUFFER_SELECT;
    sqe->ioprio = once ? 0 : IORING_RECV_MULTISHOT;
}

/* Sends. The bytes must stay where they are until the completion. */
void prep_send(struct uring *uring, int sock, const char *bytes, size_t length, int flags)
{
    struct io_uring_sqe *sqe = prep(uring, IORING_OP_SEND, sock);

    sqe->addr = (uintptr_t)bytes;
    sqe->len = length;
    sqe->msg_flags = MSG_NOSIGNAL | flags;
}

/* Cancels a request for a socket, which completes nevertheless. */
void prep_cancel(struct uring *uring, uint8_t operation, int sock)
{
    prep(uring, IORING_OP_ASYNC_CANCEL, -1)->addr = (uint64_t)operation << 32 | sock;
}

/* The memory of a buffer. */
char *buffer_address(const struct uring *uring, uint16_t buffer)
{
    return uring->buffers + buffer * BUFFER_SIZE;
}

/* Lets the kernel receive into a buffer. */
void provide_buffer(struct uring *uring, uint16_t buffer)
{
    char *address = buffer_address(uring, buffer);
    uint16_t tail = uring->buf_ring->tail;
    struct io_uring_buf *entry = &uring->buf_ring->bufs[tail & (BUFFER_COUNT - 1)];

    entry->addr = (uintptr_t)address;
    entry->len = BUFFER_SIZE;
    entry->bid = buffer;
    uring->buf_ring->tail = tail + 1;
    uring->free_buffers++;
}
