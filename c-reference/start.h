#ifndef START_H
#define START_H

void inherit_nothing(const char *program);

#endif
