// Every routine, compiled once for each instruction set by the files that include this one.

#include "body_bits.h"
#include "body_math.h"
#include "body_elementary.h"
#include "body_special.h"
#include "body_pointwise.h"
#include "body_cast.h"
#include "body_reduce.h"
#include "body_move.h"
#include "body_random.h"
#include "body_table.h"
