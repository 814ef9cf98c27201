/** What books and movies are called, and how they differ. */

import { counted, duration, number } from "./dom.js";

export const KINDS = {
  books: {
    path: "/books",
    noun: "book",
    title: "Books",
    creator: "author",
    by: "Author",
    size: "page_count",
    length: "Pages",
    year: "published_year",
    formats: "/formats",
    measured: (pages) => counted(pages, "page"),
    sorts: [
      ["title", "Title, A to Z"],
      ["-title", "Title, Z to A"],
      ["author", "Author, A to Z"],
      ["page_count", "Fewest pages first"],
      ["-page_count", "Most pages first"],
      ["-published_year", "Latest year first"],
      ["published_year", "Earliest year first"],
    ],
  },
  movies: {
    path: "/movies",
    noun: "movie",
    title: "Movies",
    creator: "director",
    by: "Director",
    size: "run_time",
    length: "Minutes",
    year: "release_year",
    formats: "/movie_formats",
    measured: duration,
    sorts: [
      ["title", "Title, A to Z"],
      ["-title", "Title, Z to A"],
      ["director", "Director, A to Z"],
      ["run_time", "Shortest first"],
      ["-run_time", "Longest first"],
      ["-release_year", "Latest year first"],
      ["release_year", "Earliest year first"],
    ],
  },
};

/** A year as people write it: -380 is 380 BC. */
export const year = (value) => (value > 0 ? String(value) : `${number(1 - value)} BC`);

export const inventory = ({ books_count, movies_count }) =>
  [books_count && counted(books_count, "book"), movies_count && counted(movies_count, "movie")]
    .filter(Boolean)
    .join(" and ") || "Nothing yet";
