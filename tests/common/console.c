// Runs a program at the console, and shows the modes of the console before and after.
//
// console.exe FILE PROGRAM ARGUMENTS...
//
// When FILE appears, the program is told that its console is being closed, as the system tells it: by a call of
// kernelbase's CtrlRoutine in a thread of its own.
#include <stdio.h>
#include <windows.h>

static void show_modes(const char *when) {
    DWORD input, output;
    GetConsoleMode(GetStdHandle(STD_INPUT_HANDLE), &input);
    GetConsoleMode(GetStdHandle(STD_OUTPUT_HANDLE), &output);
    printf("modes %s: %lx %lx\n", when, input, output);
    fflush(stdout);
}

// Ctrl-C is for the program, not for this one. The program would inherit that it is ignored, but not a handler.
static BOOL WINAPI go_on(DWORD event) {
    return TRUE;
}

int main(int count, char **arguments) {
    char line[4096] = "";
    STARTUPINFOA startup = {.cb = sizeof(startup)};
    PROCESS_INFORMATION program;
    DWORD code;

    for (int n = 2; n < count; n++) {
        snprintf(line + strlen(line), sizeof(line) - strlen(line), "\"%s\" ", arguments[n]);
    }
    show_modes("before");
    SetConsoleCtrlHandler(go_on, TRUE);
    if (!CreateProcessA(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &program)) {
        return 99;
    }
    BOOL closed = FALSE;
    while (WaitForSingleObject(program.hProcess, 20) == WAIT_TIMEOUT) {
        if (!closed && GetFileAttributesA(arguments[1]) != INVALID_FILE_ATTRIBUTES) {
            FARPROC routine = GetProcAddress(GetModuleHandleA("kernelbase"), "CtrlRoutine");
            CreateRemoteThread(program.hProcess, NULL, 0, (LPTHREAD_START_ROUTINE)routine,
                               (void *)CTRL_CLOSE_EVENT, 0, NULL);
            closed = TRUE;
        }
    }
    GetExitCodeProcess(program.hProcess, &code);
    show_modes("after");
    return code;
}
