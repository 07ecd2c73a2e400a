/* fuzz_plan.c: mutated plan files, each of which is refused or runs without leaving its memory (`make fuzz`).
 *
 *     fuzz_plan FILE COUNT SEED: COUNT mutations of the description and header of FILE; prints how many were refused, and ran */
#include <pydl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;

static uint64_t draw(uint64_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

/* Changes words of the description: to numbers near theirs, to other words of it, to extremes; or a few bytes
 * anywhere. */
static void mutate(unsigned char *data, size_t bytes, size_t start) {
    static const int64_t extremes[] = {0, 1, -1, 2, 64, 255, 4096, INT32_MAX, INT64_MAX, INT64_MIN, (int64_t)1 << 40};
    const size_t words = (bytes - start) / 8;
    for (uint64_t n = 1 + draw(4); n > 0; n--) {
        unsigned char *at = data + start + 8 * draw(words);
        int64_t word;
        memcpy(&word, at, 8);
        switch (draw(6)) {
        case 0: word = extremes[draw(sizeof extremes / sizeof *extremes)]; break;
        case 1: memcpy(&word, data + start + 8 * draw(words), 8); break;
        case 2: word = (int64_t)((uint64_t)word + draw(9) - 4); break;
        case 3: word = (int64_t)draw(128); break;
        case 4: word = (int64_t)((uint64_t)word ^ (uint64_t)1 << draw(64)); break;
        default: data[draw(bytes)] = (unsigned char)draw(256); continue;
        }
        memcpy(at, &word, 8);
    }
}

static int run(const void *data, size_t bytes) {
    pydl_model *model = NULL;
    pydl_context *context = NULL;
    pydl_options *options = NULL;
    int status = pydl_model_load_memory(data, bytes, &model);
    if (status == PYDL_OK) status = pydl_options_new(&options);
    if (status == PYDL_OK) status = pydl_options_set_max_bytes(options, (size_t)64 << 20);
    if (status == PYDL_OK) status = pydl_options_set_training(options, pydl_model_trainable(model));
    if (status == PYDL_OK) status = pydl_context_new(model, 7, options, &context);
    enum { MOST = 1 << 16, PORTS = 16 };
    static double x[MOST], y[MOST];
    const void *in[PORTS];
    void *out[PORTS];
    for (int i = 0; i < PORTS; i++) in[i] = x, out[i] = y;
    int fits = status == PYDL_OK && pydl_input_count(model) <= 4 && pydl_output_count(model) <= 4;
    for (int i = 0; fits && i < pydl_input_count(model) + pydl_output_count(model); i++) {
        int rank;
        double columns = 8 * 7;
        const int inputs = pydl_input_count(model);
        const int64_t *shape =
            i < inputs ? pydl_input_shape(model, i, &rank) : pydl_output_shape(model, i - inputs, &rank);
        for (int d = 0; d < rank; d++) columns *= (double)shape[d];
        fits &= columns <= MOST * 8;
    }
    for (int64_t rows = 1; fits && status == PYDL_OK && rows <= 7; rows += 3) {
        status = pydl_predict(context, rows, in, out);
        if (status == PYDL_OK && pydl_model_trainable(model))
            status = pydl_train_step(context, rows, in, in, NULL, NULL);
    }
    pydl_context_free(context);
    pydl_options_free(options);
    pydl_model_free(model);
    return status;
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    FILE *file = fopen(argv[1], "rb");
    static unsigned char original[1 << 22];
    const size_t bytes = file ? fread(original, 1, sizeof original, file) : 0;
    if (bytes < 64 || bytes == sizeof original) return 2;
    fclose(file);
    int64_t length;
    memcpy(&length, original + bytes - 16, 8);
    unsigned char *data = malloc(bytes); /* of its very size, so that a read behind it is found */
    long ran = 0, refused = 0;
    if (!data || run(original, bytes) != PYDL_OK) return 1;
    state = strtoull(argv[3], NULL, 10) * 2654435769u + 1;
    for (long i = 0; i < atol(argv[2]); i++) {
        memcpy(data, original, bytes);
        mutate(data, bytes, draw(20) ? bytes - 16 - (size_t)length : 0);
        if (run(data, bytes) == PYDL_OK) ran++;
        else refused++;
    }
    free(data);
    printf("%ld refused, %ld ran\n", refused, ran);
    return 0;
}
