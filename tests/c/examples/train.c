/* train.c: goes on training a model of one input and one output, y = sum of x, and saves it. */
#include <pydl.h>
#include <stdio.h>

enum { ROWS = 32, STEPS = 300, INPUTS = 4 };

static int failed(int status) {
    if (status) fprintf(stderr, "%s: %s\n", pydl_status_name(status), pydl_last_error());
    return status;
}

static float number(void) { /* from -1 to 1 */
    static unsigned state = 1;
    state = state * 1664525u + 1013904223u;
    return (float)(state >> 8) / (float)(1 << 23) - 1;
}

int main(int argc, char **argv) {
    pydl_model *model = NULL;
    pydl_options *options = NULL;
    pydl_context *context = NULL;
    float x[ROWS][INPUTS], y[ROWS];
    const void *in[] = {x}, *targets[] = {y};
    if (argc != 3 || failed(pydl_model_load(argv[1], &model))) return 1;
    if (failed(pydl_options_new(&options)) || failed(pydl_options_set_training(options, 1))) return 1;
    if (failed(pydl_context_new(model, ROWS, options, &context))) return 1;
    for (int step = 0; step < STEPS; step++) {
        double loss;
        for (int i = 0; i < ROWS; i++) {
            y[i] = 0;
            for (int j = 0; j < INPUTS; j++) y[i] += x[i][j] = number();
        }
        if (failed(pydl_train_step(context, ROWS, in, targets, NULL, &loss))) return 1;
        if (step == 0 || step == STEPS - 1) printf("%.6f\n", loss);
    }
    if (failed(pydl_save(context, argv[2]))) return 1;
    pydl_context_free(context);
    pydl_options_free(options);
    pydl_model_free(model);
    return 0;
}
