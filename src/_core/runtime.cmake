# Floor 1: the runtime, at baseline flags and without LTO. exec.c alone sees OpenMP.
# Used by the extension module and by the C test program; needs kernels.cmake and OpenMP.
add_library(pd_runtime OBJECT)
foreach(name cpu dispatch arena plan barriers deep layout exec permutation product)
  target_sources(pd_runtime PRIVATE "${CMAKE_CURRENT_LIST_DIR}/${name}.c")
endforeach()
target_compile_options(pd_runtime PRIVATE ${PYDL_WARNINGS})
target_compile_definitions(pd_runtime PRIVATE ${PYDL_ISA_DEFINITIONS})
set_target_properties(pd_runtime PROPERTIES INTERPROCEDURAL_OPTIMIZATION OFF)
set_source_files_properties("${CMAKE_CURRENT_LIST_DIR}/exec.c" PROPERTIES COMPILE_OPTIONS "${OpenMP_C_FLAGS}")
