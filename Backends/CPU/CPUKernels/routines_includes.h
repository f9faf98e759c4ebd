// What the routines' bodies need, included before their target is set.

#include "routines.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

