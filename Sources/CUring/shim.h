#pragma once
// features.h first: liburing.h defines _GNU_SOURCE itself, the Glibc module was built without it.
#include <features.h>
#include <liburing.h>
