/// @file
/// Which symbols the shared library exports.
#pragma once

/// Stands in the namespace of every public header: all that such a header declares is exported, and
/// nothing else. Types that a public header only names are declared in a namespace without it.
#define THINSET_API [[gnu::visibility("default")]]

/// Takes a class that a public class only names inside itself out of the exported ones.
#define THINSET_LOCAL [[gnu::visibility("hidden")]]
