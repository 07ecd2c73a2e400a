/* no_memory.c: an allocator that fails at the first, the second, ... request: each is an error, and nothing leaks. */
#include <pydl.h>
#include <stdio.h>
#include <stdlib.h>

static long given, taken_back, fails_at;

static void *give(size_t alignment, size_t bytes) {
    if (++given == fails_at) {
        given--;
        fails_at = 0;
        return NULL;
    }
    return aligned_alloc(alignment, bytes);
}

static void take_back(void *p) {
    taken_back++;
    free(p);
}

static int use(const char *path, const char *saved) {
    pydl_model *model = NULL;
    pydl_options *options = NULL;
    pydl_context *context = NULL;
    int status = pydl_model_load(path, &model);
    if (status == PYDL_OK && pydl_set_allocator(NULL, NULL) != PYDL_BAD_ARGUMENT) return -1; /* memory is in use */
    if (status == PYDL_OK) status = pydl_model_selftest(model);
    if (status == PYDL_OK) status = pydl_options_new(&options);
    if (status == PYDL_OK) status = pydl_options_set_training(options, 1);
    if (status == PYDL_OK) status = pydl_context_new(model, 100, options, &context);
    if (status == PYDL_OK) status = pydl_save(context, saved);
    pydl_context_free(context);
    pydl_options_free(options);
    pydl_model_free(model);
    return status;
}

int main(int argc, char **argv) {
    if (argc != 3 || pydl_set_allocator(give, take_back) != PYDL_OK) return 1;
    if (use(argv[1], argv[2]) != PYDL_OK || given == 0 || given != taken_back) return 2;
    const long all = given;
    for (long k = 1; k <= all; k++) {
        given = taken_back = 0;
        fails_at = k;
        const int status = use(argv[1], argv[2]);
        if (status != PYDL_NO_MEMORY || given != taken_back) {
            printf("request %ld of %ld: %s, %ld pieces leaked\n", k, all, pydl_status_name(status), given - taken_back);
            return 3;
        }
    }
    printf("%ld requests\n", all);
    return 0;
}
