# ქართული. Names of messages, forms and variables: see en.ftl.
#
# A title stands in «» in the nominative and takes no ending; a figure takes only -ში, which is right after any.
# Ordinals in stamp-card: [one] პირველი, [many] მე-6, [other] 21-ე.

pair = { $baskets } კალათიდან, სადაც «{ $with }» იყო, { $together }-ში ესეც იყო
pair-few = «{ $with }» და ეს ადრეც უყიდიათ ერთად
pair-untitled = { $baskets } კალათიდან, სადაც თქვენ მიერ არჩეული პროდუქტი იყო, { $together }-ში ესეც იყო
pair-few-untitled = თქვენ მიერ არჩეულ პროდუქტთან ერთად ადრეც უყიდიათ
pair-plain = ერთმანეთს უხდება «{ $with }» და ეს
pair-plain-untitled = უხდება თქვენ მიერ არჩეულ პროდუქტს
pair-add-on = პატარა დამატება: { $baskets } კალათიდან, სადაც «{ $with }» იყო, { $together }-ში ესეც იყო
pair-product-page-untitled = { $baskets } კალათიდან, სადაც თქვენ მიერ ნანახი პროდუქტი იყო, { $together }-ში ესეც იყო
pair-product-page-few-untitled = თქვენ მიერ ნანახ პროდუქტთან ერთად ადრეც უყიდიათ
pair-product-page-plain-untitled = უხდება თქვენ მიერ ნანახ პროდუქტს
pair-abandoned-cart = თქვენს კალათაშია «{ $with }»: { $baskets } ასეთი კალათიდან { $together }-ში ესეც იყო
pair-abandoned-cart-few = თქვენს კალათაშია «{ $with }»: მასთან ერთად ეს ადრეც უყიდიათ
pair-abandoned-cart-plain = თქვენს კალათაშია «{ $with }»: ეს მას უხდება
pair-post-purchase = თქვენ შეიძინეთ «{ $with }»: { $baskets } ასეთი კალათიდან { $together }-ში ესეც იყო
pair-post-purchase-few = თქვენ შეიძინეთ «{ $with }»: მასთან ერთად ეს ადრეც უყიდიათ
pair-post-purchase-untitled = { $baskets } კალათიდან, სადაც თქვენ მიერ შეძენილი პროდუქტი იყო, { $together }-ში ესეც იყო
pair-post-purchase-few-untitled = თქვენ მიერ შეძენილ პროდუქტთან ერთად ადრეც უყიდიათ
pair-post-purchase-plain = თქვენ შეიძინეთ «{ $with }»: ეს მას უხდება
pair-post-purchase-plain-untitled = უხდება თქვენ მიერ შეძენილ პროდუქტს
pair-follow-up = თქვენ შეიძინეთ «{ $with }»: { $baskets } ასეთი კალათიდან { $together }-ში ესეც იყო
pair-follow-up-few = თქვენ შეიძინეთ «{ $with }»: მასთან ერთად ეს ადრეც უყიდიათ
pair-follow-up-untitled = { $baskets } კალათიდან, სადაც თქვენ მიერ შეძენილი პროდუქტი იყო, { $together }-ში ესეც იყო
pair-follow-up-few-untitled = თქვენ მიერ შეძენილ პროდუქტთან ერთად ადრეც უყიდიათ
pair-follow-up-plain = თქვენ შეიძინეთ «{ $with }»: ეს მას უხდება
pair-follow-up-plain-untitled = უხდება თქვენ მიერ შეძენილ პროდუქტს

category = { $baskets } მსგავსი კალათიდან { $together }-ში იყო რამე კატეგორიიდან «{ $category }»
category-few = მსგავს კალათებში ყოფილა რამე კატეგორიიდან «{ $category }»
category-unnamed = { $baskets } მსგავსი კალათიდან { $together }-ში ასეთი პროდუქტი იყო
category-plain = «{ $with }» და რამე კატეგორიიდან «{ $category }»
category-plain-untitled = უხდება თქვენს არჩევანს, კატეგორიიდან «{ $category }»
category-bare = უხდება თქვენს არჩევანს

popular-in-category = პოპულარულია კატეგორიაში «{ $category }»: { $baskets } კალათიდან { $together }-ში იყო
popular-in-category-few = კატეგორიიდან «{ $category }», ადრეც უყიდიათ
popular-in-category-unnamed = ჩვენთან { $baskets } კალათიდან { $together }-ში იყო
popular-in-category-plain = ჩვენი შემოთავაზება კატეგორიიდან «{ $category }»
popular-in-category-bare = ჩვენი შემოთავაზება

popular = ჩვენთან { $baskets } კალათიდან { $together }-ში იყო
popular-few = ჩვენთან ადრეც უყიდიათ
popular-bare = ჩვენი შემოთავაზება

pinned = გირჩევთ ერთად: «{ $with }» და ეს
pinned-untitled = ჩვენი რჩევა თქვენთვის
pinned-upsell = «{ $with }» თუ ეს? ჩვენ ამას გირჩევთ

history =
    { $number ->
        [one] წინა შეკვეთაში გქონდათ
       *[other] თქვენი { $baskets } წინა შეკვეთიდან { $number }-ში იყო
    }
history-plain = ადრეც შეგიძენიათ

rebuy = { $days } დღის წინ შეიძინეთ; ხომ არ გჭირდებათ კიდევ?
rebuy-plain = ადრეც შეგიძენიათ; ხომ არ გჭირდებათ კიდევ?

upgrade = ერთი საფეხურით უკეთესი, ვიდრე «{ $with }»; ფასში სხვაობა: { $difference }
upgrade-untitled = ერთი საფეხურით უკეთესი; ფასში სხვაობა: { $difference }
upgrade-unpriced = ერთი საფეხურით უკეთესი, ვიდრე «{ $with }»
upgrade-bare = ერთი საფეხურით უკეთესი, ვიდრე თქვენი არჩევანი

learned-upgrade = «{ $with }» ნახა { $baskets } მყიდველმა, { $together } შემთხვევაში კი ეს აირჩიეს
learned-upgrade-few = «{ $with }» თუ ეს? ადრე ეს აურჩევიათ
learned-upgrade-untitled = იგივე პროდუქტი ნახა { $baskets } მყიდველმა, { $together } შემთხვევაში კი ეს აირჩიეს
learned-upgrade-few-untitled = იმავე პროდუქტის ნაცვლად ადრე ეს აურჩევიათ
learned-upgrade-plain = კიდევ ერთი არჩევანი: «{ $with }» ან ეს
learned-upgrade-bare = კიდევ ერთი არჩევანი

ladder = ერთი საფეხურით მაღლა, ვიდრე «{ $with }»; ფასში სხვაობა: { $difference }
ladder-untitled = ერთი საფეხურით მაღლა; ფასში სხვაობა: { $difference }
ladder-unpriced = ერთი საფეხურით მაღლა, ვიდრე «{ $with }»
ladder-bare = ერთი საფეხურით მაღლა, ვიდრე თქვენი არჩევანი

bundle = «{ $with }» და ეს ერთად: დაზოგავთ { $saving }
bundle-untitled = კომპლექტში: დაზოგავთ { $saving }
bundle-unpriced = «{ $with }» და ეს ერთად, კომპლექტში
bundle-bare = კომპლექტის ნაწილი

stamp-card =
    { $number ->
        [one] თქვენი პირველი შენაძენი კატეგორიაში «{ $category }»: ფასდაკლება { $saving }
        [many] თქვენი მე-{ $number } შენაძენი კატეგორიაში «{ $category }»: ფასდაკლება { $saving }
       *[other] თქვენი { $number }-ე შენაძენი კატეგორიაში «{ $category }»: ფასდაკლება { $saving }
    }
stamp-card-unpriced =
    { $number ->
        [one] თქვენი პირველი შენაძენი კატეგორიაში «{ $category }»
        [many] თქვენი მე-{ $number } შენაძენი კატეგორიაში «{ $category }»
       *[other] თქვენი { $number }-ე შენაძენი კატეგორიაში «{ $category }»
    }
stamp-card-unnamed =
    { $number ->
        [one] თქვენი პირველი შენაძენი: ფასდაკლება { $saving }
        [many] თქვენი მე-{ $number } შენაძენი: ფასდაკლება { $saving }
       *[other] თქვენი { $number }-ე შენაძენი: ფასდაკლება { $saving }
    }
stamp-card-plain = ლოიალობის ბარათი კატეგორიაში «{ $category }»: ფასდაკლება { $saving }
stamp-card-plain-untitled = ლოიალობის ბარათი: ფასდაკლება { $saving }
stamp-card-bare = ითვლება თქვენს ლოიალობის ბარათზე

new = სიახლე კატეგორიაში «{ $category }»
new-bare = სიახლე ჩვენთან

proof-rating = შეფასებულია { $count }-ჯერ: საშუალოდ { $rating } ქულა 5-დან
proof-week = ამ კვირაში { $count } კალათაში იყო

currency = { $amount }{"\u00A0"}{ $code }
currency-EUR = { $amount }{"\u00A0"}€
currency-GBP = { $amount }{"\u00A0"}£
currency-GEL = { $amount }{"\u00A0"}₾
currency-KZT = { $amount }{"\u00A0"}₸
currency-RUB = { $amount }{"\u00A0"}₽
currency-TRY = { $amount }{"\u00A0"}₺
currency-USD = { $amount }{"\u00A0"}$
currency-UZS = { $amount }{"\u00A0"}სუმი
