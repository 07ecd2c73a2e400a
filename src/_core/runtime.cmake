# Floor 1: the runtime, at baseline flags and without LTO, and, with it, what runs plans: on teams of threads (pd_threads,
# for Python; exec.c alone sees OpenMP) or on the calling thread only (pd_serial, for the C library).
# Used by the extension module, the C library and the C test programs; needs kernels.cmake and OpenMP.
function(add_runtime name)
  add_library(${name} OBJECT)
  foreach(file IN LISTS ARGN)
    target_sources(${name} PRIVATE "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/${file}.c")
  endforeach()
  target_compile_options(${name} PRIVATE ${PYDL_WARNINGS})
  target_compile_definitions(${name} PRIVATE ${PYDL_ISA_DEFINITIONS})
  set_target_properties(${name} PROPERTIES INTERPROCEDURAL_OPTIMIZATION OFF)
endfunction()
add_runtime(pd_runtime cpu dispatch arena plan barriers deep layout permutation)
add_runtime(pd_threads exec product)
add_runtime(pd_serial exec)
target_compile_options(pd_threads PRIVATE ${OpenMP_C_FLAGS})
