// Preloaded into a program (LD_PRELOAD), makes one of its calls into the C library fail.
//
//   THINSET_FAIL_CALL    a group of calls, as named in `groups` below
//   THINSET_FAIL_AT      which call of the group fails, from 1
//   THINSET_FAIL_ERRNO   the number of the error; 0 kills the process with SIGKILL instead
//   THINSET_FAIL_ALWAYS  if set, every later call of the group fails as well
//   THINSET_FAIL_REPORT  a file that is created when a call fails
//   THINSET_FAIL_EXCHANGE  if set, names cannot be exchanged, as on many network file systems
//   THINSET_FAIL_WAIT    if set, counting starts with thinset_start_failing(), which a program
//                        may call once it has loaded what it needs
//
// Calls that the C library makes inside itself do not come by here.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum Group {
  none,
  memory,
  opening,
  reading,
  writing,
  syncing,
  renaming,
  mapping,
  threads,
  reserving,
  folders,
  linking,
  truncating,
  status,
  removing,
  locking,
  closing,
  listing,
  n_groups
};

static const char* const groups[n_groups] = {
    "none",      "malloc", "open",           "read",      "write", "fsync",
    "rename",    "mmap",   "pthread_create", "fallocate", "mkdir", "link",
    "ftruncate", "fstat",  "unlink",         "flock",     "close", "opendir"};

static enum Group failing = none;
static long fail_at = 0;
static int fail_errno = 0;
static int fail_always = 0;
static const char* report = NULL;
static atomic_int counting = 0;
static atomic_long count = 0;

void thinset_start_failing(void) { atomic_store(&counting, 1); }

__attribute__((constructor)) static void read_settings(void) {
  const char* call = getenv("THINSET_FAIL_CALL");
  const char* at = getenv("THINSET_FAIL_AT");
  const char* number = getenv("THINSET_FAIL_ERRNO");
  if (call == NULL || at == NULL || number == NULL) {
    return;
  }
  for (int group = 1; group < n_groups; ++group) {
    if (strcmp(call, groups[group]) == 0) {
      failing = (enum Group)group;
    }
  }
  fail_at = atol(at);
  fail_errno = atoi(number);
  fail_always = getenv("THINSET_FAIL_ALWAYS") != NULL;
  report = getenv("THINSET_FAIL_REPORT");
  if (getenv("THINSET_FAIL_WAIT") == NULL) {
    thinset_start_failing();
  }
}

// The C library's own syscall(), past the one below.
static long direct(long number, long a, long b, long c, long d, long e, long f) {
  static long (*real)(long, ...) = NULL;
  if (real == NULL) {
    real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  }
  return real(number, a, b, c, d, e, f);
}

static void write_report(void) {
  const long file =
      direct(SYS_openat, AT_FDCWD, (long)report, O_CREAT | O_WRONLY | O_CLOEXEC, 0666, 0, 0);
  if (file >= 0) {
    direct(SYS_close, file, 0, 0, 0, 0, 0);
  }
}

// Whether this call must fail; sets errno then.
static int fails(enum Group group) {
  if (group != failing || !atomic_load(&counting)) {
    return 0;
  }
  const long n = atomic_fetch_add(&count, 1) + 1;
  if (n != fail_at && !(fail_always && n > fail_at)) {
    return 0;
  }
  if (report != NULL) {
    write_report();
  }
  if (fail_errno == 0) {
    kill(getpid(), SIGKILL);
  }
  errno = fail_errno;
  return 1;
}

// CALL(result, name, (parameters), (arguments), group, value on failure)
#define CALL(result, name, parameters, arguments, group, failure) \
  result name parameters {                                        \
    static result(*real) parameters = NULL;                       \
    if (real == NULL) {                                           \
      real = (result(*) parameters)dlsym(RTLD_NEXT, #name);       \
    }                                                             \
    return fails(group) ? failure : real arguments;               \
  }

// ---- memory: not through dlsym, which allocates

extern void* __libc_malloc(size_t size);
extern void* __libc_calloc(size_t n, size_t size);
extern void* __libc_realloc(void* old, size_t size);
extern void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) { return fails(memory) ? NULL : __libc_malloc(size); }
void* calloc(size_t n, size_t size) { return fails(memory) ? NULL : __libc_calloc(n, size); }
void* realloc(void* old, size_t size) { return fails(memory) ? NULL : __libc_realloc(old, size); }
void* aligned_alloc(size_t alignment, size_t size) {
  return fails(memory) ? NULL : __libc_memalign(alignment, size);
}
int posix_memalign(void** result, size_t alignment, size_t size) {
  void* block = fails(memory) ? NULL : __libc_memalign(alignment, size);
  if (block == NULL) {
    return ENOMEM;
  }
  *result = block;
  return 0;
}

// ---- opening

#define OPEN(name, parameters, arguments)                             \
  int name parameters {                                               \
    static int(*real) parameters = NULL;                              \
    if (real == NULL) {                                               \
      real = (int(*) parameters)dlsym(RTLD_NEXT, #name);              \
    }                                                                 \
    mode_t mode = 0;                                                  \
    if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) { \
      va_list rest;                                                   \
      va_start(rest, flags);                                          \
      mode = va_arg(rest, mode_t);                                    \
      va_end(rest);                                                   \
    }                                                                 \
    return fails(opening) ? -1 : real arguments;                      \
  }
OPEN(open, (const char* path, int flags, ...), (path, flags, mode))
OPEN(open64, (const char* path, int flags, ...), (path, flags, mode))
OPEN(openat, (int folder, const char* path, int flags, ...), (folder, path, flags, mode))
OPEN(openat64, (int folder, const char* path, int flags, ...), (folder, path, flags, mode))
CALL(DIR*, opendir, (const char* path), (path), listing, NULL)
CALL(DIR*, fdopendir, (int file), (file), listing, NULL)

// ---- reading and writing

CALL(ssize_t, read, (int file, void* to, size_t size), (file, to, size), reading, -1)
CALL(ssize_t, pread, (int file, void* to, size_t size, off_t at), (file, to, size, at), reading, -1)
CALL(ssize_t, pread64, (int file, void* to, size_t size, off64_t at), (file, to, size, at), reading,
     -1)
CALL(ssize_t, write, (int file, const void* from, size_t size), (file, from, size), writing, -1)
CALL(ssize_t, pwrite, (int file, const void* from, size_t size, off_t at), (file, from, size, at),
     writing, -1)
CALL(ssize_t, pwrite64, (int file, const void* from, size_t size, off64_t at),
     (file, from, size, at), writing, -1)
CALL(int, fsync, (int file), (file), syncing, -1)
CALL(int, fdatasync, (int file), (file), syncing, -1)
CALL(int, sync_file_range, (int file, off64_t at, off64_t size, unsigned flags),
     (file, at, size, flags), syncing, -1)
CALL(int, ftruncate, (int file, off_t size), (file, size), truncating, -1)
CALL(int, ftruncate64, (int file, off64_t size), (file, size), truncating, -1)
CALL(int, fallocate, (int file, int mode, off_t at, off_t size), (file, mode, at, size), reserving,
     -1)
CALL(int, fallocate64, (int file, int mode, off64_t at, off64_t size), (file, mode, at, size),
     reserving, -1)
int posix_fallocate(int file, off_t at, off_t size) {
  static int (*real)(int, off_t, off_t) = NULL;
  if (real == NULL) {
    real = (int (*)(int, off_t, off_t))dlsym(RTLD_NEXT, "posix_fallocate");
  }
  return fails(reserving) ? fail_errno : real(file, at, size);
}
int posix_fallocate64(int file, off64_t at, off64_t size) {
  return posix_fallocate(file, at, size);
}
CALL(void*, mmap, (void* place, size_t size, int protection, int flags, int file, off_t at),
     (place, size, protection, flags, file, at), mapping, MAP_FAILED)
CALL(void*, mmap64, (void* place, size_t size, int protection, int flags, int file, off64_t at),
     (place, size, protection, flags, file, at), mapping, MAP_FAILED)
int close(int file) {
  // The descriptor is gone even where closing reports an error.
  const long result = direct(SYS_close, file, 0, 0, 0, 0, 0);
  return result != 0 || fails(closing) ? -1 : 0;
}
CALL(int, flock, (int file, int operation), (file, operation), locking, -1)

// ---- names

CALL(int, rename, (const char* from, const char* to), (from, to), renaming, -1)
CALL(int, renameat, (int a, const char* from, int b, const char* to), (a, from, b, to), renaming,
     -1)

// Through its system call, for which older C libraries have no function.
static int rename_with_flags(int a, const char* from, int b, const char* to, unsigned flags) {
  if (fails(renaming)) {
    return -1;
  }
  if ((flags & 2) != 0 && getenv("THINSET_FAIL_EXCHANGE") != NULL) {
    errno = EINVAL;
    return -1;
  }
  return (int)direct(SYS_renameat2, a, (long)from, b, (long)to, flags, 0);
}
int renameat2(int a, const char* from, int b, const char* to, unsigned flags) {
  return rename_with_flags(a, from, b, to, flags);
}
long syscall(long number, ...) {
  va_list rest;
  va_start(rest, number);
  long values[6];
  for (int i = 0; i < 6; ++i) {
    values[i] = va_arg(rest, long);
  }
  va_end(rest);
  if (number == SYS_renameat2) {
    return rename_with_flags((int)values[0], (const char*)values[1], (int)values[2],
                             (const char*)values[3], (unsigned)values[4]);
  }
  return direct(number, values[0], values[1], values[2], values[3], values[4], values[5]);
}
CALL(int, mkdir, (const char* path, mode_t mode), (path, mode), folders, -1)
CALL(int, mkdirat, (int folder, const char* path, mode_t mode), (folder, path, mode), folders, -1)
CALL(int, link, (const char* from, const char* to), (from, to), linking, -1)
CALL(int, linkat, (int a, const char* from, int b, const char* to, int flags),
     (a, from, b, to, flags), linking, -1)
CALL(int, symlink, (const char* target, const char* path), (target, path), linking, -1)
CALL(int, symlinkat, (const char* target, int folder, const char* path), (target, folder, path),
     linking, -1)
CALL(int, unlink, (const char* path), (path), removing, -1)
CALL(int, unlinkat, (int folder, const char* path, int flags), (folder, path, flags), removing, -1)
CALL(int, rmdir, (const char* path), (path), removing, -1)
CALL(int, fstat, (int file, struct stat* result), (file, result), status, -1)
CALL(int, fstat64, (int file, struct stat64* result), (file, result), status, -1)
CALL(int, stat, (const char* path, struct stat* result), (path, result), status, -1)
CALL(int, stat64, (const char* path, struct stat64* result), (path, result), status, -1)
CALL(int, lstat, (const char* path, struct stat* result), (path, result), status, -1)
CALL(int, lstat64, (const char* path, struct stat64* result), (path, result), status, -1)
CALL(int, fstatat, (int folder, const char* path, struct stat* result, int flags),
     (folder, path, result, flags), status, -1)
CALL(int, fstatat64, (int folder, const char* path, struct stat64* result, int flags),
     (folder, path, result, flags), status, -1)

// ---- threads, which hand back their error

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*),
                   void* argument) {
  static int (*real)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*) = NULL;
  if (real == NULL) {
    real = (int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*))dlsym(
        RTLD_NEXT, "pthread_create");
  }
  return fails(threads) ? fail_errno : real(thread, attributes, body, argument);
}
