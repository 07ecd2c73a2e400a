# find_package(pydl) gives pydl::pydl, the library of the Python package that this file lies in, wherever that was put.
if(NOT TARGET pydl::pydl)
  get_filename_component(_pydl "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
  add_library(pydl::pydl SHARED IMPORTED)
  set_target_properties(pydl::pydl PROPERTIES
    IMPORTED_LOCATION "${_pydl}/lib/libpydl.so" IMPORTED_SONAME libpydl.so INTERFACE_INCLUDE_DIRECTORIES "${_pydl}/include")
  unset(_pydl)
endif()
