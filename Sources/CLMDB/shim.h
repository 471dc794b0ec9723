// LMDB: the memory-mapped B+tree behind the edge's disk tier.
#pragma once
#include <lmdb.h>
