// Gives the precompiled headers of cmake/scangate.cmake a target to belong to.
