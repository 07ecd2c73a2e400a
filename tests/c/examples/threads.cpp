// threads.cpp: eight threads predict with one model, each with a context of its own, and must agree.
#include <pydl.h>

#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

struct Free {
    void operator()(pydl_model *model) const { pydl_model_free(model); }
    void operator()(pydl_context *context) const { pydl_context_free(context); }
};

static std::vector<float> predict(const pydl_model *model, const std::vector<float> &x, int64_t rows, int64_t columns) {
    pydl_context *made = nullptr;
    if (pydl_context_new(model, 16, nullptr, &made)) return {};
    const std::unique_ptr<pydl_context, Free> context(made);
    std::vector<float> y(static_cast<size_t>(rows * columns));
    const void *in[] = {x.data()};
    void *out[] = {y.data()};
    for (int i = 0; i < 200; i++)
        if (pydl_predict(context.get(), rows - i % 2, in, out)) return {};
    return y;
}

int main(int argc, char **argv) {
    pydl_model *loaded = nullptr;
    if (argc != 2 || pydl_model_load(argv[1], &loaded)) {
        std::fprintf(stderr, "%s\n", pydl_last_error());
        return 1;
    }
    const std::unique_ptr<pydl_model, Free> model(loaded);
    const int64_t rows = 37;
    std::vector<float> x(static_cast<size_t>(rows * pydl_input_shape(model.get(), 0, nullptr)[0]));
    for (size_t i = 0; i < x.size(); i++) x[i] = static_cast<float>(i % 17) / 8 - 1;
    const int64_t columns = pydl_output_shape(model.get(), 0, nullptr)[0];
    const std::vector<float> expected = predict(model.get(), x, rows, columns);
    std::vector<std::vector<float>> found(8);
    std::vector<std::thread> threads;
    for (auto &y : found) threads.emplace_back([&] { y = predict(model.get(), x, rows, columns); });
    for (auto &thread : threads) thread.join();
    for (const auto &y : found)
        if (y.empty() || y != expected) return 1;
    std::puts("8 threads agree");
    return 0;
}
