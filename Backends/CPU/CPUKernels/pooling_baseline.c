/// Pairs for every processor.
#define NT_TABLE nt_pooling_pairs_baseline
#include "pooling_pairs.h"
