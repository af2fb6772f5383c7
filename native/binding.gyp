# What is built, from this folder (an installed package, which is without prebuilt files for its machine) or from the
# checkout's root, whose binding.gyp is not published: npm builds a package that has one in its root, asked or not.
{
  "variables": {
    # Commands run where node-gyp was started, so that this is the folder of the sources as seen from there.
    "folder": "<!(node -p \"require('fs').existsSync('native') ? 'native/' : './'\")",
    # node-gyp rebuild -- -Dnetloom_sanitize=1 builds with AddressSanitizer and UBSan (then preload libasan).
    "netloom_sanitize%": ""
  },
  "target_defaults": {
    "cflags": ["-Wall", "-Wextra", "-O2", "-fvisibility=hidden"],
    "conditions": [
      ["netloom_sanitize!=''", {
        "cflags": ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer", "-g"],
        "ldflags": ["-fsanitize=address,undefined"]
      }]
    ]
  },
  "targets": [
    {
      "target_name": "netloom",
      "sources": ["<!@(node -p \"require('fs').readdirSync('<(folder)').filter(f => f.endsWith('.cc')).map(f => '<(folder)' + f).join(' ')\")"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "cflags_cc": ["-std=c++20", "-fvisibility-inlines-hidden"],
      # Node's own -std would come last and win.
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      "defines": [
        "NAPI_VERSION=9",
        "NAPI_DISABLE_CPP_EXCEPTIONS",
        "NODE_ADDON_API_DISABLE_DEPRECATED",
        # A terminating Worker refuses every throw; without this node-addon-api would abort the process for it.
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"
      ]
    }
  ],
  "conditions": [
    ["\"<!(node -p \"require('fs').existsSync('<(folder)netns_exec.c')\")\"==\"true\"", {
      "targets": [
        {
          # The small program that joins a namespace and becomes the user's own (spawn).
          "target_name": "netloom-exec",
          "type": "executable",
          "sources": ["netns_exec.c"]
        }
      ]
    }]
  ]
}
