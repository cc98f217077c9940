/* Functions of a library that was opened: for programs that are not linked with it. */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

/* The function of this name; there is no going on without it. */
static void *find(void *library, const char *name) {
    void *place = dlsym(library, name);
    if (!place) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return place;
}
