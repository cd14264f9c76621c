#ifndef POLL_LIST_H
#define POLL_LIST_H

#include <poll.h>
#include <stdbool.h>

/* The list that poll() takes. */
struct poll_list {
    struct pollfd *fds;
    int capacity;
    int count;
};

struct poll_list new_poll_list(void);
bool add_entry(struct poll_list *list, int sock);
void remove_entry(struct poll_list *list, int place);

#endif
