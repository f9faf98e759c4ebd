/// The transforms for every processor.
#define NT_WL 4
#define NT_TABLE nt_winograd_kernels_baseline
#include "winograd_body.h"
