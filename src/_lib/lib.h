/* lib.h: what the files of the library share: a model as it was read from a file, contexts, errors. */
#ifndef PYDL_LIB_H
#define PYDL_LIB_H

#include "allocator.h"
#include "pd.h"
#include "pydl.h"

enum { LIB_PROGRAMS = 3, LIB_LINE = 64, LIB_MOST_BATCH = 4096 };
enum { PROGRAM_PREDICT, PROGRAM_TRAIN, PROGRAM_TRAIN_WEIGHTED };
enum { FIELD_NUMBER, FIELD_REAL, FIELD_KERNEL, FIELD_TENSOR, FIELD_BUFFER };
enum { REAL_CONSTANT, REAL_QUOTIENT, REAL_PRODUCT, REAL_MEAN, REAL_SHARE };
enum { PROGRESS_STEADY, PROGRESS_ADAM };

/* base + per * B of a batch of B rows */
typedef struct {
    int64_t base, per;
} lib_number;

/* A field of a record: what op_args.h says of it, and its value in the file. */
typedef struct {
    const pd_field *field;
    int kind;          /* FIELD_... */
    int form;          /* of a real: REAL_... */
    int64_t target;    /* op, tensor or buffer */
    lib_number number; /* value, or bytes into the target; of a real, `per` */
    double value;
} lib_field;

typedef struct lib_family lib_family;
typedef struct {
    int op, when;
    pd_op facts;
    const lib_family *family;
    const lib_field *fields;
    int nfields;
} lib_record;

/* The records of a program for batches of `least` to `most` rows. */
typedef struct {
    int64_t least, most;
    const lib_number *buffers; /* bytes */
    const lib_record *records;
    int64_t nbuffers, nrecords;
} lib_form;

typedef struct {
    int64_t columns, codes; /* numbers of a row; below what they must be whole numbers, 0: any will do */
} lib_source;
typedef struct {
    int64_t slot;
    double weight;
} lib_loss;

typedef struct {
    int64_t sums, penalty;
    const lib_source *sources;
    const int64_t *sinks; /* columns */
    const lib_loss *losses;
    const lib_form *forms;
    int64_t nsources, nsinks, nlosses, nforms; /* nforms 0: there is no such program */
} lib_program;

typedef struct {
    const char *name;
    int64_t start, bytes; /* from the file's first byte on */
} lib_tensor;

typedef struct {
    const char *name;
    int64_t codes, rank, columns;
    const int64_t *shape;
} lib_port; /* an input or output */

struct pydl_model {
    const unsigned char *file;
    size_t bytes;
    void *owned, *pool; /* the file, where it was read; all that was made of its description */
    int dtype;
    ptrdiff_t real_size;
    const lib_tensor *tensors;
    const lib_port *inputs, *outputs;
    int64_t ntensors, ninputs, noutputs;
    lib_program programs[LIB_PROGRAMS];
    struct {
        int there, progress;
        int64_t every, seed, batches, rate; /* of the last two, the tensors */
        double weight_decay, beta_1, beta_2;
    } training;
    struct {
        int64_t rows;
        const int64_t *inputs, *outputs; /* tensors */
    } test;
};

struct pydl_options {
    char isa[16];
    int training;
    size_t max_bytes;
};

/* A form of a program, bound to memory, for up to `room` rows; its arguments are those of `batch` rows now. */
typedef struct {
    const lib_form *form;
    const lib_program *program;
    pd_plan *plan;
    const pd_record *records;
    ptrdiff_t count;
    int64_t room, batch;
    unsigned char checked[LIB_MOST_BATCH / 8 + 1]; /* a bit for each batch size that was found to fit */
} lib_instance;

struct pydl_context {
    const pydl_model *model;
    int isa, training;
    int64_t max_batch;
    void **tensors; /* where each lies: in the file or among the copies */
    void *copies, *memory;
    lib_instance *instances[LIB_PROGRAMS];
    int64_t ninstances[LIB_PROGRAMS];
    pd_source *sources;
    void **sinks;
    double *sums;
    int64_t *sizes; /* bytes of the buffers of the instance being made or changed */
};

int lib_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
void lib_find_caches(void); /* of this CPU, the first time */

int lib_read_file(const char *path, void **data, size_t *bytes);
int lib_write_file(const char *path, int (*write)(void *file, const void *context), const void *context);
int lib_parse(pydl_model *model);

/* What families allow beyond op_args.h's lists: rules.def. */
const lib_family *lib_family_of(const char *name);
/* Writes sizes, constants and kernels of a batch into an argument struct. */
void lib_fill(const lib_record *record, int64_t batch, int isa, int dtype, void *args);
/* Whether a record's arguments, pointers aside, let its kernel stay within what its fields point to; PYDL_BAD_FILE. */
int lib_check(const pydl_model *model, const lib_program *program, const lib_form *form, const int64_t *sizes,
              const lib_record *record, int64_t batch, void *args);

/* The instance for batches of so many rows, its arguments set to them; NULL after lib_fail. */
lib_instance *lib_instance_for(pydl_context *c, int program, int64_t batch);
/* Makes the instances of a program for up to c->max_batch rows, without memory. */
int lib_instances_new(pydl_context *c, int program, size_t *bytes);
void lib_instances_free(pydl_context *c);
/* Whether the rows of a source are codes, where codes are expected. */
int lib_codes_fit(const pydl_context *c, const lib_source *source, const void *data, int64_t rows, const char *what,
                  int64_t number);

#endif
