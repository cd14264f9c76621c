#ifndef URING_H
#define URING_H

#include <linux/io_uring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many buffers there are to receive into: a power of two. */
#define BUFFER_COUNT 128
/* The size of each. */
#define BUFFER_SIZE 32768

/* The rings that the program shares with the kernel, and the buffers that the kernel receives into. */
struct uring {
    const char *program;
    int descriptor;
    /* The submission queue. The program advances its tail, the kernel its head. */
    struct io_uring_sqe *sqes;
    uint32_t *sq_tail;
    uint32_t *sq_head;
    /* The completion queue. The kernel advances its tail, the program its head. */
    struct io_uring_cqe *cqes;
    uint32_t *cq_tail;
    uint32_t *cq_head;
    /* The ring of provided buffers, how many buffers are in it, and their memory. */
    struct io_uring_buf_ring *buf_ring;
    uint32_t free_buffers;
    char *buffers;
};

struct uring new_uring(const char *program);
int submit_and_wait(struct uring *uring, uint32_t awaited);
bool next_cqe(struct uring *uring, struct io_uring_cqe *cqe);
void prep_accept_multishot(struct uring *uring, int listener);
void prep_poll_add(struct uring *uring, int descriptor);
void prep_recv_multishot(struct uring *uring, int sock, bool once);
void prep_send(struct uring *uring, int sock, const char *bytes, size_t length, int flags);
void prep_cancel(struct uring *uring, uint8_t operation, int sock);
char *buffer_address(const struct uring *uring, uint16_t buffer);
void provide_buffer(struct uring *uring, uint16_t buffer);

#endif
