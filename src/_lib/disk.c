/* disk.c: whole files in and out. */
#include "lib.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int lib_read_file(const char *path, void **data, size_t *bytes) {
    FILE *file = fopen(path, "rb");
    if (!file) return lib_fail(PYDL_IO, "%s: expected a file that can be read: %s", path, strerror(errno));
    int status = PYDL_IO;
    *data = NULL;
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    if (size == INT64_MAX) { /* what a folder says */
        errno = EISDIR;
        size = -1;
    }
    if (size < 0 || fseek(file, 0, SEEK_SET) != 0) {
        lib_fail(PYDL_IO, "%s: expected a regular file: %s", path, strerror(errno));
    } else if (!(*data = pd_alloc((size_t)size))) {
        status = lib_fail(PYDL_NO_MEMORY, "%s: no memory for its %ld bytes", path, size);
    } else if (fread(*data, 1, (size_t)size, file) != (size_t)size) {
        lib_fail(PYDL_IO, "%s: expected %ld bytes, found its end", path, size);
    } else {
        *bytes = (size_t)size;
        status = PYDL_OK;
    }
    fclose(file);
    if (status != PYDL_OK) pd_free(*data);
    return status;
}

int lib_write_file(const char *path, int (*write)(void *file, const void *context), const void *context) {
    const size_t length = strlen(path);
    char *draft = pd_alloc(length + sizeof ".draft");
    if (!draft) return lib_fail(PYDL_NO_MEMORY, "%s: no memory for its name", path);
    memcpy(draft, path, length);
    memcpy(draft + length, ".draft", sizeof ".draft");
    int status = PYDL_OK;
    FILE *file = fopen(draft, "wb");
    if (!file) {
        status = lib_fail(PYDL_IO, "%s: expected a file that can be written: %s", draft, strerror(errno));
    } else {
        const int written = write(file, context) == 0 && fflush(file) == 0;
        const int closed = fclose(file) == 0;
        if (!written || !closed || rename(draft, path) != 0) {
            status = lib_fail(PYDL_IO, "%s: could not be written: %s", path, strerror(errno));
            remove(draft);
        }
    }
    pd_free(draft);
    return status;
}
