# One list of kernel files x one list of ISAs x two dtypes -> object libraries. ISA flags live here and nowhere else.
# Used by the extension module and by the C test program.

set(PYDL_KERNEL_FILES
    gemm_tile gemm_pack gemm_few gemm_block gemm_walk gemm_fwd gemm_dx gemm_dw matmul
    act_relu act_leaky_relu act_elu act_selu act_gelu act_gelu_tanh act_sigmoid act_tanh act_softplus act_softsign act_silu
    act_exponential act_mish act_hard_sigmoid act_squareplus act_erf act_softmax act_log_softmax
    act_celu act_relu6 act_hard_tanh act_hard_silu act_hard_shrink act_soft_shrink act_tanh_shrink act_log_sigmoid
    act_sparse_plus act_sparse_sigmoid act_sparsemax
    loss_mse loss_mae loss_msle loss_huber loss_log_cosh loss_poisson loss_quantile loss_hinge
    loss_bce loss_bce_logits loss_cce loss_cce_logits loss_categorical_hinge loss_mape loss_kl loss_cosine loss_gaussian
    loss_focal_bce loss_focal_cce loss_gce
    metric_accuracy metric_categorical_accuracy sum
    opt_sgd opt_rmsprop opt_adam opt_nadam opt_adamax opt_adagrad opt_adadelta opt_lion opt_ftrl opt_average
    grad_accumulate penalty norm_parts grad_clip
    embedding masking mean_steps dropout gaussian prelu norm_batch norm_layer norm_rms
    gather put affine binary larger copy colsum
    conv_input conv_walk conv_fwd conv_dx conv_turn conv_dw sum_slices
    pool_max pool_mean place dropout_maps
    image_copy image_affine image_tone image_resize
    norm_samples sum_wide depthwise depthwise_dw repeat)
list(TRANSFORM PYDL_KERNEL_FILES PREPEND "${CMAKE_CURRENT_LIST_DIR}/kernels/")
list(TRANSFORM PYDL_KERNEL_FILES APPEND ".c")

# -fno-math-errno and -fno-trapping-math change no result; -ffp-contract=fast lets a * b + c be one FMA.
set(PYDL_KERNEL_OPTIONS $<$<NOT:$<CONFIG:Debug>>:-O3> -ffp-contract=fast -fno-math-errno -fno-trapping-math)
set(PYDL_WARNINGS -Wall -Wextra $<$<BOOL:${PYDL_WERROR}>:-Werror>)

option(PYDL_AVX512_BY_AVX2 "For tests: compile AVX-512's kernels for AVX2, so that any CPU with that runs them" OFF)

set(PYDL_ISAS baseline)
set(PYDL_FLAGS_baseline "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND PYDL_ISAS avx2 avx512)
  set(PYDL_FLAGS_avx2 -mavx2 -mfma)
  set(PYDL_FLAGS_avx512 -mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma -mprefer-vector-width=512)
  if(PYDL_AVX512_BY_AVX2) # the same tiles, loops and tails; each vector of 64 bytes in two registers, or by elements
    set(PYDL_FLAGS_avx512 ${PYDL_FLAGS_avx2} -Wno-psabi)
  endif()
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  list(APPEND PYDL_ISAS neon)
  set(PYDL_FLAGS_neon "")
endif()

set(PYDL_KERNEL_LIBRARIES "")
set(PYDL_ISA_DEFINITIONS $<$<BOOL:${PYDL_AVX512_BY_AVX2}>:PD_AVX512_BY_AVX2>)
foreach(isa IN LISTS PYDL_ISAS)
  list(APPEND PYDL_ISA_DEFINITIONS PD_BUILD_${isa})
  foreach(dtype f32 f64)
    set(library pd_${isa}_${dtype})
    add_library(${library} OBJECT ${PYDL_KERNEL_FILES})
    target_compile_options(${library} PRIVATE ${PYDL_KERNEL_OPTIONS} ${PYDL_FLAGS_${isa}} ${PYDL_WARNINGS} -ffunction-sections)
    target_compile_definitions(${library} PRIVATE PD_ISA_${isa} $<$<STREQUAL:${dtype},f64>:PD_F64>)
    set_target_properties(${library} PROPERTIES INTERPROCEDURAL_OPTIMIZATION OFF)
    list(APPEND PYDL_KERNEL_LIBRARIES ${library})
  endforeach()
endforeach()
