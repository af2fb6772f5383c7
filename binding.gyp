{ "includes": ["native/binding.gyp"] }
