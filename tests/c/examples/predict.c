/* predict.c: predicts one row with a model of one input and one output.
 *
 *     cc predict.c $(python -m pydl.config --cflags --libs) -o predict && ./predict m.plan.safetensors 5.1 3.5 1.4 0.2 */
#include <pydl.h>
#include <stdio.h>
#include <stdlib.h>

static int failed(int status) {
    if (status) fprintf(stderr, "%s: %s\n", pydl_status_name(status), pydl_last_error());
    return status;
}

int main(int argc, char **argv) {
    pydl_model *model = NULL;
    pydl_context *context = NULL;
    float x[64], y[64];
    const void *in[] = {x};
    void *out[] = {y};
    if (argc < 2 || argc > 66) return 2;
    for (int i = 2; i < argc; i++) x[i - 2] = strtof(argv[i], NULL);
    if (failed(pydl_model_load(argv[1], &model)) || failed(pydl_model_selftest(model))) return 1;
    if (failed(pydl_context_new(model, 1, NULL, &context)) || failed(pydl_predict(context, 1, in, out))) return 1;
    const int64_t n = pydl_output_shape(model, 0, NULL)[0];
    for (int64_t i = 0; i < n; i++) printf("%.9g\n", y[i]);
    pydl_context_free(context);
    pydl_model_free(model);
    return 0;
}
