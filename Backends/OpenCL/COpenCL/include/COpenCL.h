#ifndef NT_COPENCL_H
#define NT_COPENCL_H
#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>
#endif
