/* pydl.h: models trained with pydl, in C: load a plan file, predict, train, save.
 *
 *     pydl_model *model;
 *     pydl_context *context;
 *     if (pydl_model_load("m.plan.safetensors", &model)) puts(pydl_last_error());
 *     if (pydl_context_new(model, 1, NULL, &context)) puts(pydl_last_error());
 *     const void *in[] = {x};
 *     void *out[] = {y};
 *     pydl_predict(context, 1, in, out);
 *
 * A plan file is what model.export("m.plan.safetensors") writes in Python. A model may be shared by any number of
 * threads; each thread needs a context of its own, which holds all memory that running takes: pydl_predict and
 * pydl_train_step allocate nothing, take no lock, start no thread and print nothing. Results have the bits of
 * Python's on the same CPU.
 *
 * Functions return PYDL_OK (0) or another pydl_status; pydl_last_error() then says in words what was expected and
 * what was found. Arrays are contiguous, rows first, of the model's dtype (pydl_model_dtype). Files are not trusted:
 * what a file claims is checked before it is used, and a file that lies is PYDL_BAD_FILE.
 */
#ifndef PYDL_H
#define PYDL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PYDL_API __attribute__((visibility("default")))
#else
#define PYDL_API
#endif

/* Grows when a function is added; its hundreds grow when one changes or goes. */
#define PYDL_ABI_VERSION 100

typedef enum {
    PYDL_OK = 0,
    PYDL_NO_MEMORY = 1,
    PYDL_BAD_ARGUMENT = 2,
    PYDL_BAD_FILE = 3,
    PYDL_IO = 4,
    PYDL_UNSUPPORTED_CPU = 5
} pydl_status; /* more may come, behind these */

typedef enum { PYDL_FLOAT32 = 0, PYDL_FLOAT64 = 1 } pydl_dtype;

typedef struct pydl_model pydl_model;
typedef struct pydl_context pydl_context;
typedef struct pydl_options pydl_options;

/* ---- this library ------------------------------------------------------------------------------------------------ */
PYDL_API const char *pydl_version(void);
PYDL_API int pydl_abi_version(void); /* PYDL_ABI_VERSION of the library that runs */
PYDL_API const char *pydl_status_name(int status); /* "PYDL_OK", ... */
PYDL_API const char *pydl_last_error(void); /* of this thread's last call that failed; "" before */

/* Memory from elsewhere: `allocate` gives bytes at an address that `alignment`, a power of two, divides, or NULL.
 * Both NULL: the C library's again. Only while nothing of this library, Python's use of it included, holds memory. */
PYDL_API int pydl_set_allocator(void *(*allocate)(size_t alignment, size_t bytes), void (*release)(void *));

/* ---- models ------------------------------------------------------------------------------------------------------ */
PYDL_API int pydl_model_load(const char *path, pydl_model **model);
/* The bytes of such a file; they are not copied and must stay, unchanged, until the model is freed. Aligned to 8 bytes,
 * better 64. */
PYDL_API int pydl_model_load_memory(const void *data, size_t bytes, pydl_model **model);
PYDL_API void pydl_model_free(pydl_model *model); /* behind its contexts; NULL does nothing */

/* Predicts the input that the file holds and compares with what Python made of it. */
PYDL_API int pydl_model_selftest(const pydl_model *model);

PYDL_API int pydl_model_dtype(const pydl_model *model); /* pydl_dtype; -1 of NULL */
PYDL_API int pydl_model_trainable(const pydl_model *model); /* whether the file holds what trains: 1 or 0 */

/* Inputs and outputs are counted from 0. Shapes are without the batch: `rank` sizes. NULL, or 0: there is no such
 * one. */
PYDL_API int pydl_input_count(const pydl_model *model);
PYDL_API const char *pydl_input_name(const pydl_model *model, int input);
PYDL_API const int64_t *pydl_input_shape(const pydl_model *model, int input, int *rank);
PYDL_API int64_t pydl_input_codes(const pydl_model *model,
                                  int input); /* whole numbers below this are expected; 0: any */
PYDL_API int pydl_output_count(const pydl_model *model);
PYDL_API const char *pydl_output_name(const pydl_model *model, int output);
PYDL_API const int64_t *pydl_output_shape(const pydl_model *model, int output, int *rank);

/* ---- contexts ---------------------------------------------------------------------------------------------------- */
PYDL_API int pydl_options_new(pydl_options **options);
PYDL_API void pydl_options_free(pydl_options *options);
PYDL_API int pydl_options_set_isa(pydl_options *options,
                                  const char *isa); /* "baseline", "avx2", ...: default the best */
PYDL_API int pydl_options_set_training(pydl_options *options, int training); /* 1: pydl_train_step will be called */
PYDL_API int pydl_options_set_max_bytes(pydl_options *options, size_t bytes); /* a context may take; default 4 GiB */

/* What one thread needs for batches of up to max_batch rows. options: NULL for the defaults. */
PYDL_API int pydl_context_new(const pydl_model *model, int64_t max_batch, const pydl_options *options,
                              pydl_context **context);
PYDL_API void pydl_context_free(pydl_context *context); /* NULL does nothing */

/* ---- running ----------------------------------------------------------------------------------------------------- */
/* in[i]: `rows` rows of input i; out[i]: room for as many of output i. More than max_batch are done some at a time. */
PYDL_API int pydl_predict(pydl_context *context, int64_t rows, const void *const *in, void *const *out);

/* One step on a batch of up to max_batch rows, as a batch of model.fit. x: inputs; y: targets of the outputs that
 * have a loss (class numbers, in the model's dtype, where the loss takes those); w: weights of rows for each output,
 * or NULL. loss: the batch's, or NULL. Of a context for training, whose weights change; the model's stay as they are. */
PYDL_API int pydl_train_step(pydl_context *context, int64_t rows, const void *const *x, const void *const *y,
                             const void *const *w, double *loss);
PYDL_API int pydl_set_learning_rate(pydl_context *context, double rate);
PYDL_API int64_t pydl_batches(const pydl_context *context); /* trained on so far, those in Python included */
/* Writes the context's weights and optimizer, as a plan file of the same model with a new self-test. An old file is
 * replaced in one step. */
PYDL_API int pydl_save(pydl_context *context, const char *path);

#ifdef __cplusplus
}
#endif
#endif
