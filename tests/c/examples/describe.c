/* describe.c: says what a plan file takes and gives. */
#include <pydl.h>
#include <stdio.h>

static void print(const char *kind, const char *name, const int64_t *shape, int rank) {
    printf("%s %s:", kind, name);
    for (int d = 0; d < rank; d++) printf(" %lld", (long long)shape[d]);
    printf("\n");
}

int main(int argc, char **argv) {
    pydl_model *model;
    if (argc != 2 || pydl_model_load(argv[1], &model)) {
        fprintf(stderr, "%s\n", pydl_last_error());
        return 1;
    }
    printf("pydl %s, %s, %s\n", pydl_version(), pydl_model_dtype(model) == PYDL_FLOAT64 ? "float64" : "float32",
           pydl_model_trainable(model) ? "trainable" : "predicts only");
    int rank;
    for (int i = 0; i < pydl_input_count(model); i++) {
        const int64_t *shape = pydl_input_shape(model, i, &rank);
        print("input", pydl_input_name(model, i), shape, rank);
    }
    for (int i = 0; i < pydl_output_count(model); i++) {
        const int64_t *shape = pydl_output_shape(model, i, &rank);
        print("output", pydl_output_name(model, i), shape, rank);
    }
    pydl_model_free(model);
    return 0;
}
