/* quiet.c: predicts and trains under counting.c, and says how often memory or a lock was taken meanwhile. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pydl.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    long (*counted)(int) = (long (*)(int))dlsym(RTLD_DEFAULT, "counted");
    pydl_model *model;
    pydl_options *options;
    pydl_context *context;
    if (argc != 2 || !counted || pydl_model_load(argv[1], &model)) return 1;
    if (pydl_options_new(&options) || pydl_options_set_training(options, 1)) return 1;
    if (pydl_context_new(model, 32, options, &context)) return 1;
    static float x[100][64], y[100][64];
    const void *in[] = {x}, *targets[] = {y};
    void *out[] = {y};
    counted(1);
    void *volatile two = malloc(1); /* two calls, which show that it counts at all */
    free(two);
    for (int64_t rows = 1; rows <= 100; rows += 11)
        if (pydl_predict(context, rows, in, out)) return 1;
    const long predicting = counted(0) - 2;
    counted(1);
    for (int64_t rows = 1; rows <= 32; rows += 10)
        if (pydl_train_step(context, rows, in, targets, NULL, NULL)) return 1;
    printf("%ld %ld\n", predicting, counted(0));
    return 0;
}
