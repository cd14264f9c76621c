/*
 * The list of descriptors that poll() takes, and that grows with the number of connections.
 *
 * poll() wants an array. A descriptor that is added gets the last place; if one is removed, the last one takes its
 * place, so that there are no gaps.
 */
#include "poll_list.h"

#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>

/* A list without an entry. */
struct poll_list new_poll_list(void)
{
    return (struct poll_list){NULL, 0, 0};
}

/* realloc(): appends a descriptor to the list, to wait until it is readable. Returns false if there is no memory. */
bool add_entry(struct poll_list *list, int sock)
{
    struct pollfd *fds;
    int capacity = list->capacity > 0 ? 2 * list->capacity : 64;

    if (list->count == list->capacity) {
        if ((fds = realloc(list->fds, capacity * sizeof(*fds))) == NULL)
            return false;

        list->fds = fds;
        list->capacity = capacity;
    }

    list->fds[list->count].fd = sock;
    list->fds[list->count].events = POLLIN;
    list->fds[list->count].revents = 0;
    list->count++;
    return true;
}

/* Removes the entry at a place, which the last one takes. */
void remove_entry(struct poll_list *list, int place)
{
    list->fds[place] = list->fds[list->count - 1];
    list->count--;
}
